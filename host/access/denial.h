#pragma once

#include <string>

#include "host/domain/api_error.h"

namespace tenon::access {

// Why a request is not served.
struct Denial {
  ApiError error;
  std::string message;
  unsigned retry_after = 0;  // seconds; 0: not known
};

}  // namespace tenon::access
