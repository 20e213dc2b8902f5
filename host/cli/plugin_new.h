#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon plugin new NAME [FOLDER]`
int plugin_new(const Arguments&, Streams);

}  // namespace tenon::cli
