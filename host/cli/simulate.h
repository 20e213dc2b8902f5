#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon simulate CONFIG… --trace FILE`
int simulate(const Arguments&, Streams);

}  // namespace tenon::cli
