#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

namespace tenon::cli {

// What changes between two specs, a line for each value: "+ scale.maxReplicas = 4",
// "- policies = [\"eu\"]", "~ enabled = true -> false". Null stands for no spec at all.
std::vector<std::string> spec_diff(const boost::json::value& before,
                                   const boost::json::value& after);

}  // namespace tenon::cli
