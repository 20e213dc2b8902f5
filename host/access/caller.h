#pragma once

#include <cstdint>
#include <string>

#include "host/domain/role.h"

namespace tenon::access {

// Who sent a request.
struct Caller {
  enum class Via : std::uint8_t {
    kOpen,   // nobody had to say: the host has no keys
    kPeer,   // a process of the host's own user, by a Unix socket
    kKey,    // an API key
    kToken,  // a token that a key was exchanged for
  };

  std::string id;    // of the key; "" without one
  std::string name;  // as logs and the audit tell it: "key ci", "anonymous"
  Role role = Role::kInvoke;
  std::string workspace;  // "": all of them
  Via via = Via::kKey;

  bool operator==(const Caller&) const = default;
};

}  // namespace tenon::access
