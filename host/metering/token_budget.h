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
  TokenBudget() = default;
  explicit TokenBudget(std::vector<std::shared_ptr<TokenPool>> pools) : pools_(std::move(pools)) {}
  bool operator==(const TokenBudget&) const = default;  // of the same pools

  bool unlimited() const { return pools_.empty(); }

  // Empty when every pool admits; else the refusal that lasts longest.
  std::optional<OverBudget> admit(sys_seconds now) const;
  void spend(const Spent&, sys_seconds now) const;

 private:
  std::vector<std::shared_ptr<TokenPool>> pools_;
};

}  // namespace tenon::metering
