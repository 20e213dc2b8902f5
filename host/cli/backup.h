#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

int backup(const Arguments&, Streams);
int restore(const Arguments&, Streams);

}  // namespace tenon::cli
