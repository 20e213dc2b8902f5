#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "host/metering/token_pool.h"

namespace tenon::metering {

// All token policies that one deployment is under, its environment's and its own: each limit holds
// by itself. [any]
class TokenBudget {
 public:
  explicit TokenBudget(std::vector<std::shared_ptr<TokenPool>> pools) : pools_(std::move(pools)) {}

  // Empty when every pool admits; else the refusal that lasts longest.
  std::optional<OverBudget> admit(sys_seconds now) const;
  void spend(const Spent&, sys_seconds now) const;

 private:
  const std::vector<std::shared_ptr<TokenPool>> pools_;
};

}  // namespace tenon::metering
