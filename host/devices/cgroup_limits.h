#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace tenon::devices {

struct CgroupLimits {
  double cpus = std::numeric_limits<double>::infinity();
  std::uint64_t memory_bytes = ~std::uint64_t{0};
};

// What the control groups of this process, and all above them, leave it; v2 and v1.
CgroupLimits read_cgroup_limits(const std::string& root);

}  // namespace tenon::devices
