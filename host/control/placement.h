#pragma once

#include <string>

#include "host/control/snapshot.h"
#include "host/domain/error.h"

namespace tenon::control {

// Whether the policies as they are now let a deployment run on a host at this location, which has
// CPUs; "" is a host whose location nobody named. The error names what forbids it.
Result<void> check_here(const Snapshot&, const Entry& deployment, const std::string& location);

}  // namespace tenon::control
