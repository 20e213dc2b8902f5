#pragma once

#include <span>

#include "host/control/usage_books.h"
#include "host/telemetry/metrics.h"

namespace tenon::control {

// tenon_usage_…, by deployment, revision and flavor.
void add_usage(std::span<const store::Use>, telemetry::Metrics::Families&);
// tenon_token_budget_…, by policy and whoever carries it: "model" is empty for an environment.
void add_budgets(std::span<const metering::TokenPools::Reading>, telemetry::Metrics::Families&);

}  // namespace tenon::control
