#pragma once

#include <span>
#include <string>

#include "host/cli/command.h"

namespace tenon::cli {

// `tenon completion bash` and `zsh`, for these verbs.
int completion(std::span<const Command>, const Arguments&, Streams);

// A script for bash that completes verbs, their options as their help names them, kinds and files.
std::string bash_completion(std::span<const Command>);

}  // namespace tenon::cli
