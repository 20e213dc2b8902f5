#pragma once

#include <span>

#include "host/cli/command.h"

namespace tenon::cli {

// The verbs that ask a running host, with their help.
std::span<const Command> api_commands();

}  // namespace tenon::cli
