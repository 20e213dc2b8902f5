#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon metrics [MODEL]`
int metrics(const Arguments&, Streams);

}  // namespace tenon::cli
