#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "host/domain/error.h"

namespace tenon {

// Starts a program that has one socket, as descriptor 3, and nothing else of ours: no other
// descriptor, no signal setting, a process group of its own (Ctrl-C at the host's terminal is the
// host's business). Whoever calls waits for it. The first argument is the program's name.
Result<pid_t> spawn(const std::string& program, std::vector<std::string> arguments,
                    std::vector<std::string> environment, int socket);

}  // namespace tenon
