#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

namespace tenon::config {

// An object as TOML, keys in its order but tables last; what is null is left out. `table` is what
// the object itself is: "" for a document, "[[deployment]]" for one of its tables.
std::string to_toml(const boost::json::object&, std::string_view table = {});

}  // namespace tenon::config
