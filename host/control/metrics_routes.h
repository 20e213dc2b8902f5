#pragma once

#include <vector>

#include "host/control/api.h"

namespace tenon::control {

// /v0/metrics and those of a model and an environment, for the table of routes().
void add_metrics_routes(std::vector<Route>&);

}  // namespace tenon::control
