#include "host/metering/token_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "host/domain/moment.h"

namespace tenon::metering {
namespace {

constexpr std::int64_t kLongAgo = std::numeric_limits<std::int64_t>::min();

}  // namespace

static_assert(__atomic_always_lock_free(16, nullptr), "x86-64 needs -mcx16");

std::string to_string(const OverBudget& over) {
  return fmt::format(
      "policy {} of {} allows {} {} tokens in the time that ends {}; {} input and {} output tokens "
      "are spent",
      over.policy, tenon::to_string(over.owner), over.maximum, policy::to_string(over.limit),
      utc_text(over.until), over.spent.input, over.spent.output);
}

TokenPool::TokenPool(ResourceKey owner, std::string policy, const MaxTokens& limits,
                     const PoolState* restored)
    : owner_(std::move(owner)),
      policy_(std::move(policy)),
      shape_(limits),
      input_(limits.input),
      output_(limits.output),
      total_(limits.total),
      counted_(Counted{}),
      spent_until_(kLongAgo) {
  if (!restored) return;
  if (policy::window_of(shape_, restored->window.begin) != restored->window) return;
  const Counted before = counted(window_now(restored->window.begin), restored->spent);
  counted_.store(before);
  note_if_spent(before);
}

TokenPool::Counted TokenPool::counted(std::uint32_t window, const Spent& spent) {
  Counted out;
  out.input = std::min(spent.input, Counted::kMost);
  out.output = std::min(spent.output, Counted::kMost);
  out.window_low = window & 0xffff;
  out.window_high = window >> 16;
  return out;
}

// The window that is counted may be one ahead of a request's: another thread saw the clock later,
// or the clock was set back a little. It lies further ahead only when the clock was wrong.
bool TokenPool::still_counts(const Counted& counted, std::uint32_t window_now) {
  return counted.window() == window_now || counted.window() == window_now + 1;
}

std::uint32_t TokenPool::window_now(sys_seconds now) const {
  return static_cast<std::uint32_t>(policy::window_number(shape_, now));
}

MaxTokens TokenPool::limits() const {
  MaxTokens limits = shape_;
  limits.input = input_.load();
  limits.output = output_.load();
  limits.total = total_.load();
  return limits;
}

void TokenPool::spend(const Spent& used, sys_seconds now) {
  const std::uint32_t window = window_now(now);
  Counted before = counted_.load();
  Counted after;
  do {
    if (still_counts(before, window)) {
      // Each sum is below 2^48, so adding cannot overflow once the addend is bounded too.
      after = counted(before.window(), {before.input + std::min(used.input, Counted::kMost),
                                        before.output + std::min(used.output, Counted::kMost)});
    } else {
      after = counted(window, used);
    }
  } while (!counted_.compare_exchange_weak(before, after));
  note_if_spent(after);
}

// The limits are read after the sums were changed, and set_limits() changes them before it reads
// the sums: one of the two notices.
void TokenPool::note_if_spent(const Counted& counted) {
  if (!policy::reached(limits(), counted.spent())) return;
  const std::int64_t end =
      policy::window_at(shape_, counted.window()).end.time_since_epoch().count();
  std::int64_t seen = spent_until_.load();
  while (seen < end && !spent_until_.compare_exchange_weak(seen, end)) {
  }
}

std::optional<OverBudget> TokenPool::look_closer(sys_seconds now) const {
  const Counted counted = counted_.load();
  if (!still_counts(counted, window_now(now))) return std::nullopt;
  const MaxTokens limits = this->limits();
  const auto limit = policy::reached(limits, counted.spent());
  if (!limit) return std::nullopt;
  return OverBudget{owner_,          policy_,
                    *limit,          policy::limit_of(limits, *limit),
                    counted.spent(), policy::window_at(shape_, counted.window()).end};
}

bool TokenPool::counts_like(const MaxTokens& limits) const {
  return limits.granularity == shape_.granularity && limits.step == shape_.step;
}

void TokenPool::set_limits(const MaxTokens& limits) {
  input_.store(limits.input);
  output_.store(limits.output);
  total_.store(limits.total);
  note_if_spent(counted_.load());
}

PoolState TokenPool::state() const {
  const Counted counted = counted_.load();
  return {owner_, policy_, policy::window_at(shape_, counted.window()), counted.spent()};
}

}  // namespace tenon::metering
