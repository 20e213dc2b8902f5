#include "host/workers/lease_view.h"

#include "host/workers/codes.h"

namespace tenon::workers {

LeaseView::LeaseView(const Lease& lease) : cpus_(to_text(lease.cpus)) {
  for (const LeasedDevice& device : lease.devices) {
    tenon_device& made = devices_.emplace_back();
    made.struct_size = sizeof made;
    made.ordinal = static_cast<std::int32_t>(devices_.size() - 1);  // as CUDA_VISIBLE_DEVICES says
    made.uuid = to_str(device.uuid);
    made.flavor = to_str(device.flavor);
    made.memory_bytes = device.memory_bytes;
  }
  table_.struct_size = sizeof table_;
  table_.threads = lease.threads;
  table_.memory_bytes = lease.memory_bytes;
  table_.flavor = to_str(lease.flavor);
  table_.cpus = to_str(cpus_);
  table_.devices = devices_.data();
  table_.n_devices = static_cast<std::uint32_t>(devices_.size());
  table_.device_stride = sizeof(tenon_device);
}

std::string visible_devices(const Lease& lease) {
  std::string out;
  for (const LeasedDevice& device : lease.devices) out += (out.empty() ? "" : ",") + device.uuid;
  return out;
}

std::vector<std::string> device_files(const Lease& lease) {
  std::vector<std::string> out;
  for (const LeasedDevice& device : lease.devices) {
    out.insert(out.end(), device.files.begin(), device.files.end());
  }
  return out;
}

}  // namespace tenon::workers
