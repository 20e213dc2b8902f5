#pragma once

#include <boost/json/object.hpp>
#include <span>

#include "host/control/call.h"

namespace tenon::control {

// The OpenAPI 3.1 document of these operations.
boost::json::object openapi_json(std::span<const Route>);

}  // namespace tenon::control
