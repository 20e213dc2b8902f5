#pragma once

#include "host/cli/command.h"

namespace tenon::cli {

// tenon keys …: through a host's API, or in the store of a host that does not run.
int keys_create(const Arguments&, Streams);
int keys_list(const Arguments&, Streams);
int keys_delete(const Arguments&, Streams);

}  // namespace tenon::cli
