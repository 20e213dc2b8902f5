#pragma once

#include <chrono>
#include <string>

#include "host/domain/error.h"

namespace tenon::cli {

// The body of a 200 answer to GET base + path. `base` is "http://HOST:PORT"; the error names it.
Result<std::string> http_get(const std::string& base, const std::string& path,
                             std::chrono::seconds timeout);

}  // namespace tenon::cli
