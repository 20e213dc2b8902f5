#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace tenon::cli {

// One document of YAML 1.2, keys in their order, strings always in quotes: no value is taken for
// anything else by any reader.
std::string to_yaml(const boost::json::value&);

}  // namespace tenon::cli
