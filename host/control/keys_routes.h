#pragma once

#include <string_view>
#include <vector>

#include "host/control/api.h"

namespace tenon::control {

// /v0/keys and /v0/oauth/token, for the table of routes().
void add_key_routes(std::vector<Route>&);

// Whether a workspace may go: not while keys are for it, since whoever makes one of its name later
// would let them in. False: refused.
bool is_without_keys(Api&, Call&, std::string_view workspace);

}  // namespace tenon::control
