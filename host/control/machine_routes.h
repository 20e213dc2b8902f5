#pragma once

#include <vector>

#include "host/control/call.h"

namespace tenon::control {

// What the host runs on, and who holds what of it: nodes, devices, leases.
void add_machine_routes(std::vector<Route>&);

}  // namespace tenon::control
