#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <string_view>

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon metrics [MODEL]`
int metrics(const Arguments&, Streams);

// A host's metrics, one object for each deployment; of one workspace, model and environment where
// they are not "".
boost::json::array deployments_in(std::string_view prometheus, std::string_view workspace,
                                  std::string_view model, std::string_view environment);

}  // namespace tenon::cli
