#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon serve CONFIG.toml`: returns when the host was told to stop.
int serve(const Arguments&, Streams);

}  // namespace tenon::cli
