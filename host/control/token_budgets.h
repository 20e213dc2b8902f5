#pragma once

#include "host/control/snapshot.h"
#include "host/metering/token_budget.h"
#include "host/metering/token_pools.h"

namespace tenon::control {

// The token policies that a deployment is under: its environment's, whose pools it shares with
// every deployment there, and its own.
metering::TokenBudget token_budget(const Snapshot&, const Entry& deployment, metering::TokenPools&);

}  // namespace tenon::control
