#pragma once

#include <cstdint>

namespace tenon::scheduler {

// What is known of a replica's memory before it starts; 0: nothing.
struct MemoryFacts {
  std::uint64_t configured = 0;  // [deployment.limits] memory
  std::uint64_t expected = 0;    // by its plugin's estimate, or more where more was measured
  std::uint64_t budget = 0;      // of the host for all replicas; 0: not limited
};

// The most that the replica may take; 0: not limited. What the operator says, else what is expected
// with room for being wrong, else the whole budget, and never more than that.
std::uint64_t memory_limit(const MemoryFacts&);

}  // namespace tenon::scheduler
