#pragma once

#include <sys/types.h>

namespace tenon::worker {

// Ties this process to its parent: the kernel kills it when the parent ends. False when the parent
// is not `host` any more.
bool follow(pid_t host);

// Forks so that the new process is the host's child, not the caller's: a child of the caller forks
// once more and ends, and the host, a subreaper, adopts the orphan. In the new process 0 is
// returned once the host is its parent; in the caller the new process's id, or -1.
pid_t fork_for(pid_t host);

}  // namespace tenon::worker
