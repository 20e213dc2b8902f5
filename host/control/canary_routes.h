#pragma once

#include <vector>

#include "host/control/api.h"

namespace tenon::control {

// /v0/models/{model}/canary, for the table of routes().
void add_canary_routes(std::vector<Route>&);

}  // namespace tenon::control
