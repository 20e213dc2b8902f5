#pragma once

#include <boost/json/object.hpp>

namespace tenon::control {

// What bodies look like: "components.schemas" of the OpenAPI document. The keys of a spec are those
// that config::read_resource() takes; a test holds the two together.
boost::json::object schemas();

}  // namespace tenon::control
