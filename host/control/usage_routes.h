#pragma once

#include <vector>

#include "host/control/api.h"

namespace tenon::control {

// /v0/usage, for the table of routes().
void add_usage_routes(std::vector<Route>&);

}  // namespace tenon::control
