#pragma once

#include "host/store/database.h"

namespace tenon::store {

// Brings a database to the present schema, step by step in one transaction. A database of a later
// version, or of another program, is refused as it is.
Result<void> migrate(Database&);

}  // namespace tenon::store
