#pragma once

#include <boost/json/object.hpp>

#include "host/cli/command.h"
#include "host/cli/options.h"
#include "host/domain/error.h"

namespace tenon::cli {

// `tenon deploy MODEL --origin ORIGIN`
int deploy(const Arguments&, Streams);

// The spec that the flags of `tenon deploy` say.
Result<boost::json::object> deployment_of(const variables_map&);

}  // namespace tenon::cli
