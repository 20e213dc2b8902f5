#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon run MODEL [PATH]`
int run_model(const Arguments&, Streams);

}  // namespace tenon::cli
