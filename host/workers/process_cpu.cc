#include "host/workers/process_cpu.h"

#include <time.h>

namespace tenon::workers {

std::chrono::nanoseconds process_cpu(pid_t pid) {
  clockid_t clock = 0;
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace tenon::workers
