#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tenon::workers {

// Which parts confine a process, and which the kernel does not offer, each in a sentence.
struct SandboxReport {
  std::vector<std::string> in_force;
  std::vector<std::string> missing;
};

struct SandboxPlan {
  std::vector<std::string> readable;  // folders
  bool sockets = false;
  bool exec = false;
  std::vector<std::string> devices;  // files of NVIDIA devices
  bool bound = false;                // its threads stay on the CPUs that they are on
};

// Confines a process before it opens a plugin: no new privileges, no capabilities, no core dumps,
// not to be traced, only the named files and those that libraries need, no system calls beyond a
// plugin's business; it may still fork. [a process of one thread]
SandboxReport confine_process(const SandboxPlan&);

// Narrows it to one replica: its own files, no fork, no signal to others, so much private memory.
// memory_bytes: the lease, 0: not limited. The limit (RLIMIT_DATA) counts private writable
// mappings, reserved ones too, so it leaves room above the lease; mapped files, shared memory and
// device memory it does not count.
SandboxReport confine_replica(const SandboxPlan&, std::uint64_t memory_bytes);

}  // namespace tenon::workers
