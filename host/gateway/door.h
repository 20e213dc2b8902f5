#pragma once

#include "host/access/caller.h"
#include "host/gateway/tls.h"

namespace tenon::gateway {

// By which way a connection came in: what it may ask for, and who is at its other end.
struct Door {
  bool models = true;        // endpoints
  bool control = true;       // /v0, /metrics
  const Tls* tls = nullptr;  // null: plain
  // Set: whoever is at the other end was told by the system, and needs no key.
  const access::Caller* peer = nullptr;
};

}  // namespace tenon::gateway
