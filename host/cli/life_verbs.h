#pragma once

#include "host/cli/command.h"

// The verbs that change how a deployment lives, not what it is made of.
namespace tenon::cli {

int activate(const Arguments&, Streams);    // `tenon activate MODEL`
int deactivate(const Arguments&, Streams);  // `tenon deactivate MODEL`
int release(const Arguments&, Streams);     // `tenon release MODEL --from E [--to E]`
int rollback(const Arguments&, Streams);    // `tenon rollback MODEL [REVISION]`
int canary(const Arguments&, Streams);      // `tenon canary MODEL --weight N|--promote|--abort`

}  // namespace tenon::cli
