#include "host/metering/token_budget.h"

namespace tenon::metering {

std::optional<OverBudget> TokenBudget::admit(sys_seconds now) const {
  std::optional<OverBudget> longest;
  for (const auto& pool : pools_) {
    auto over = pool->admit(now);
    if (over && (!longest || over->until > longest->until)) longest = std::move(over);
  }
  return longest;
}

void TokenBudget::spend(const Spent& used, sys_seconds now) const {
  if (used == Spent{}) return;
  for (const auto& pool : pools_) pool->spend(used, now);
}

}  // namespace tenon::metering
