#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon usage`
int usage(const Arguments&, Streams);

// An answer of GET /v0/usage as rows for people, the heads first and the total last.
std::vector<std::vector<std::string>> usage_rows(const boost::json::value& answer);

}  // namespace tenon::cli
