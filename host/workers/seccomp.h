#pragma once

#include "host/domain/error.h"

namespace tenon::workers {

struct SyscallRules {
  bool sockets = false;  // may make sockets
  bool exec = false;     // may run programs, and fork for that
  bool fork = false;     // a template: may fork
  // A worker: signals and limits reach this process only (0: not restricted), the parent-death
  // signal stays.
  int only_pid = 0;
  bool bound = false;  // may not choose its CPUs
};

// Forbids this process, all its threads and all that it starts what a plugin has no business with.
// Forbidden calls answer EPERM; clone3 answers ENOSYS, so that callers fall back to clone, whose
// flags can be seen. Filters add up: a later one only narrows.
Result<void> confine_syscalls(const SyscallRules&);

}  // namespace tenon::workers
