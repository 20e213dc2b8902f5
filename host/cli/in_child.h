#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "host/domain/error.h"

namespace tenon::cli {

// Runs `work` in a forked process, so that foreign code that dies or hangs takes nothing along, and
// returns the text that it made. Only for a process with one thread.
Result<std::string> in_child(const std::function<Result<std::string>()>& work,
                             std::chrono::seconds limit);

}  // namespace tenon::cli
