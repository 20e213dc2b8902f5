#pragma once

#include <sys/types.h>

#include <chrono>

namespace tenon::workers {

// Processor time of all threads of a process since it began; 0: unknown.
std::chrono::nanoseconds process_cpu(pid_t);

}  // namespace tenon::workers
