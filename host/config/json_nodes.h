#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "host/config/node.h"
#include "host/domain/error.h"

// JSON as the tree that TOML becomes too, so that one reader serves files and requests.
namespace tenon::config {

// Values are numbered from 1 in their order; that is their position's line.
Node nodes_of(const boost::json::object&);
// The path of each value, in that order: "scale.minReplicas", "flavors[1]". For Problems.
std::vector<std::string> paths_of(const boost::json::object&);

// The other way. JSON knows no times: they become null.
boost::json::value json_of(const Node&);

// A text that must be an object; the error says what is wrong and at which byte.
Result<boost::json::object> parse_json_object(std::string_view text);

}  // namespace tenon::config
