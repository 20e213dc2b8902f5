#pragma once

#include "host/store/database.h"

namespace tenon::store {

// Brings a database to the present schema, step by step in one transaction. A database of a later
// version, or of another program, is refused as it is.
Result<void> migrate(Database&);

// Reads all of a database that nobody else writes: it is whole, and a store that this program or
// an earlier one wrote.
Result<void> check(Database&);

}  // namespace tenon::store
