#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon convert FILE`
int convert(const Arguments&, Streams);

}  // namespace tenon::cli
