#pragma once

#include <string>

#include "host/access/secret.h"
#include "host/domain/error.h"

namespace tenon::access {

// What tokens are signed with: the file `token.secret` of the folder, made at the first time. Not
// in the store, so that whoever sees a backup of it can sign none.
Result<Sha256> token_secret(const std::string& folder, const Random&);

}  // namespace tenon::access
