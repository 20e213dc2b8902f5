#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

int plugin_list(const Arguments&, Streams);     // `tenon plugin list`
int plugin_inspect(const Arguments&, Streams);  // `tenon plugin inspect X.so`

}  // namespace tenon::cli
