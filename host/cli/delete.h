#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon delete KIND NAME…`, `tenon delete -f FILE…`
int remove(const Arguments&, Streams);

}  // namespace tenon::cli
