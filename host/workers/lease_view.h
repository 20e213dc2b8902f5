#pragma once

#include <string>
#include <vector>

#include "host/workers/replica.h"
#include "tenon/plugin.h"

namespace tenon::workers {

// A lease as the ABI shows it; refers to the lease.
class LeaseView {
 public:
  explicit LeaseView(const Lease&);
  LeaseView(const LeaseView&) = delete;
  const tenon_lease& table() const { return table_; }

 private:
  const std::string cpus_;
  std::vector<tenon_device> devices_;
  tenon_lease table_{};
};

// What CUDA_VISIBLE_DEVICES must say: the UUIDs in the lease's order; empty: none.
std::string visible_devices(const Lease&);
// The files that open the lease's devices.
std::vector<std::string> device_files(const Lease&);

}  // namespace tenon::workers
