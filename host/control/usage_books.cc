#include "host/control/usage_books.h"

#include <chrono>

#include "host/telemetry/log.h"

namespace tenon::control {
namespace {

metering::Moment moment() {
  return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
}

metering::sys_seconds seconds_of(store::Time time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

metering::PoolState state_of(const store::TokenCount& count) {
  return {count.owner,
          count.policy,
          {seconds_of(count.begin), seconds_of(count.end)},
          {count.input, count.output}};
}

store::TokenCount count_of(const metering::PoolState& state) {
  return {state.owner,      state.policy,      state.window.begin,
          state.window.end, state.spent.input, state.spent.output};
}

store::Use use_of(const metering::Usage& usage) {
  return {.hour = usage.hour,
          .deployment = usage.deployment,
          .revision = usage.revision,
          .flavor = to_string(usage.flavor),
          .requests = usage.used.requests,
          .input_tokens = usage.used.input_tokens,
          .output_tokens = usage.used.output_tokens,
          .replica_milliseconds = static_cast<std::uint64_t>(usage.used.replica_time.count()),
          .device_byte_seconds = usage.used.device_byte_seconds};
}

// The sum of an account; its hour is that of the first part.
template <class Key>
void add_to(std::map<Key, store::Use>& sums, const Key& key, const store::Use& use) {
  const auto [at, is_first] = sums.try_emplace(key, use);
  if (!is_first) add(at->second, use);
}

template <class Map>
auto values_of(const Map& map) {
  std::vector<typename Map::mapped_type> out;
  out.reserve(map.size());
  for (const auto& [key, value] : map) out.push_back(value);
  return out;
}

}  // namespace

UsageBooks::UsageBooks(boost::asio::io_context& control, Saver::Run run)
    : run_(std::move(run)),
      saver_(control, run_,
             {.save = [this] { return save().has_value(); },
              .more = [this] { return !meter_.idle(); }}),
      meter_(moment, [this] { saver_.soon(); }) {}

Result<void> UsageBooks::open(store::Store& store) {
  const auto counts = store.token_counts();
  if (!counts) return std::unexpected(counts.error());
  std::vector<metering::PoolState> states;
  for (const store::TokenCount& count : *counts) states.push_back(state_of(count));
  pools_ = std::make_unique<metering::TokenPools>(states);
  store_ = &store;
  return {};
}

Result<void> UsageBooks::save() {
  const std::lock_guard lock(mutex_);
  collect();
  return write();
}

// The meter first: a request has spent its tokens before its replica's meter is given up, so that
// once the meter is idle no token is missing in the pools.
void UsageBooks::collect() {
  for (const metering::Usage& each : meter_.take()) {
    const store::Use use = use_of(each);
    const Account account{use.deployment, use.revision, use.flavor};
    add_to(totals_, account, use);
    add_to(uses_, {each.hour, account}, use);
  }
  for (const metering::PoolState& state : pools_->take_changes(seconds_of(moment().wall))) {
    counts_[{state.owner, state.policy}] = count_of(state);
  }
}

Result<void> UsageBooks::write() {
  if (counts_.empty() && uses_.empty()) return {};
  auto written = store_->book(values_of(counts_), values_of(uses_), moment().wall);
  const bool failed = !written;
  if (failed != std::exchange(failing_, failed)) {
    failed ? log::error("usage is not stored", {{"why", written.error().message}})
           : log::info("usage is stored again");
  }
  if (failed) return written;
  counts_.clear();
  uses_.clear();
  return {};
}

Result<std::vector<store::Use>> UsageBooks::used(std::string_view workspace, store::Time from,
                                                 store::Time to) {
  const std::lock_guard lock(mutex_);
  collect();
  const bool written = write().has_value();
  auto out = store_->use(workspace, from, to);
  if (!out || written) return out;
  for (const auto& [key, use] : uses_) {
    if (use.deployment.workspace == workspace && use.hour >= from && use.hour < to) {
      out->push_back(use);
    }
  }
  return out;
}

std::vector<store::Use> UsageBooks::totals() {
  const std::lock_guard lock(mutex_);
  collect();
  return values_of(totals_);
}

void UsageBooks::on_event(const DeploymentKey& key, const lifecycle::LifeEvent& event) {
  if (event.type == lifecycle::LifeEvent::Type::kGone) run_([this, key] { forget(key); });
}

void UsageBooks::forget(const DeploymentKey& key) {
  const std::lock_guard lock(mutex_);
  collect();
  std::erase_if(totals_, [&](const auto& each) { return std::get<0>(each.first) == key; });
}

}  // namespace tenon::control
