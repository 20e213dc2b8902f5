#pragma once

#include <memory>

#include "host/control/desk.h"

namespace tenon::control {

// The paths under /v0. [any]
class Api {
 public:
  explicit Api(const lifecycle::Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

  void handle(const Request&, Reply&) const;

 private:
  const lifecycle::Dispatcher& dispatcher_;
};

}  // namespace tenon::control
