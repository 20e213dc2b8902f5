#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon logs [-f] MODEL[@ENVIRONMENT]`
int logs(const Arguments&, Streams);

}  // namespace tenon::cli
