#pragma once

#include <cstdint>
#include <vector>

#include "host/control/snapshot.h"
#include "host/metering/token_budget.h"
#include "host/metering/token_pools.h"

namespace tenon::control {

// The token policies that a deployment is under: its environment's, whose pools it shares with
// every deployment there, and its own.
metering::TokenBudget token_budget(const Snapshot&, const Entry& deployment, metering::TokenPools&);

// One limit of a policy, for whoever carries it, in the present window.
struct BudgetLimit {
  policy::TokenLimit tokens;
  std::uint64_t limit = 0;
  std::uint64_t spent = 0;
};
std::vector<BudgetLimit> limits_of(const metering::TokenPools::Reading&);

// Of the budgets that a resource gives, has or shares: a policy's, an environment's, a deployment's
// with those of its environment.
std::vector<metering::TokenPools::Reading> budgets_of(const ResourceKey&,
                                                      const metering::TokenPools&,
                                                      metering::sys_seconds now);

}  // namespace tenon::control
