#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon apply -f FILE…`
int apply(const Arguments&, Streams);

// "deployment default/minilm@production configured": an item of what the host says of a change;
// its differences on lines of their own when they are asked for.
std::string change_text(const boost::json::value& change, bool dry_run);

}  // namespace tenon::cli
