#pragma once

#include <string>

#include "host/domain/error.h"

// Copies of a store, each one file that is whole in itself. [any thread]
namespace tenon::store {

// Writes a store as it is at this moment to a file that is not there yet, and checks the copy. A
// host may have the store and go on writing.
Result<void> backup(const std::string& store, const std::string& to);

// Makes a checked backup the store of a host that does not run. What was there stays beside it as
// "STORE.before-restore" until the next time.
Result<void> restore(const std::string& from, const std::string& store);

}  // namespace tenon::store
