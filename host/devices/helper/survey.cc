#include "host/devices/helper/survey.h"

#include <algorithm>
#include <array>

namespace tenon::devices {
namespace {

// Errors of an application, not of the device: Xid numbers after NVIDIA's own Kubernetes plugin.
constexpr std::array<unsigned long long, 6> kOfApplications = {13, 31, 43, 45, 68, 109};
constexpr unsigned kMostEvents = 256;

template <class F>
std::string text_of(F function, nvml::Device device) {
  char text[nvml::kText] = {};
  if (function(device, text, sizeof text) != nvml::kSuccess) return "";
  text[sizeof text - 1] = 0;
  return text;
}

LinkLevel level_of(int ancestor) {
  if (ancestor <= 20) return LinkLevel::kPciSwitch;
  if (ancestor <= 30) return LinkLevel::kHostBridge;
  return ancestor <= 40 ? LinkLevel::kNode : LinkLevel::kSystem;
}

}  // namespace

bool Survey::begin(Report& refusal) {
  const int code = nvml_.init();
  if (code == nvml::kDriverNotLoaded) {
    refusal.absent = "the NVIDIA driver is not loaded";
  } else if (code == nvml::kLibraryMismatch) {
    refusal.problem =
        "the NVIDIA driver in the kernel and its library have different versions, as after an "
        "update: load the driver anew or start the machine anew";
  } else if (code != nvml::kSuccess) {
    refusal.problem = "the NVIDIA driver does not start: " + nvml_.explain(code);
  } else {
    if (nvml_.make_event_set != nullptr) nvml_.make_event_set(&events_);
    return true;
  }
  return false;
}

Report Survey::ask() {
  Report report;
  char version[nvml::kText] = {};
  if (nvml_.driver_version(version, sizeof version - 1) == nvml::kSuccess) report.driver = version;
  unsigned count = 0;
  if (const int code = nvml_.count(&count); code != nvml::kSuccess) {
    report.problem =
        "the NVIDIA driver does not say how many devices there are: " + nvml_.explain(code);
    return report;
  }
  if (count == 0) report.absent = "the NVIDIA driver has no device";
  take_events();
  std::vector<nvml::Device> boards;
  for (unsigned i = 0; i < std::min<unsigned>(count, kMostGpus); ++i) {
    nvml::Device device = nullptr;
    // One that is lost has no name: the host misses it.
    if (nvml_.by_index(i, &device) != nvml::kSuccess) continue;
    ReportedGpu gpu = describe(device);
    if (gpu.uuid.empty()) continue;
    watch(device, gpu.uuid);
    if (gpu.mig) find_slices(device, gpu, report);
    report.gpus.push_back(std::move(gpu));
    boards.push_back(device);
  }
  find_links(boards, report);
  return report;
}

ReportedGpu Survey::describe(nvml::Device device) {
  ReportedGpu gpu;
  gpu.uuid = text_of(nvml_.uuid, device);
  gpu.name = text_of(nvml_.name, device);
  if (gpu.name.empty()) gpu.name = "unknown";
  nvml::PciInfo pci{};
  if (nvml_.pci(device, &pci) == nvml::kSuccess) {
    gpu.pci_bus.assign(pci.bus_id, std::find(pci.bus_id, std::end(pci.bus_id), '\0'));
  }
  nvml_.minor(device, &gpu.minor);
  int major = 0, minor = 0;
  if (nvml_.compute_capability(device, &major, &minor) == nvml::kSuccess) {
    gpu.compute_major = static_cast<unsigned>(std::max(major, 0));
    gpu.compute_minor = static_cast<unsigned>(std::max(minor, 0));
  }
  unsigned mig = 0, pending = 0;
  gpu.mig = nvml_.mig_mode != nullptr && nvml_.slice_by_index != nullptr &&
            nvml_.mig_mode(device, &mig, &pending) == nvml::kSuccess && mig == nvml::kMigEnabled;
  nvml::Memory memory{};
  const int code = nvml_.memory(device, &memory);
  if (code == nvml::kSuccess) {
    gpu.memory_bytes = memory.total;
    gpu.free_bytes = memory.free;
    check_ecc(device, gpu);
  } else {
    gpu.health = code == nvml::kGpuIsLost ? Health::kLost : Health::kFailing;
    gpu.reason = nvml_.explain(code);
  }
  return gpu;
}

void Survey::check_ecc(nvml::Device device, ReportedGpu& gpu) const {
  if (const auto xid = xids_.find(gpu.uuid); xid != xids_.end()) {
    gpu.health = Health::kFailing;
    gpu.reason = "Xid " + std::to_string(xid->second);
  }
  unsigned long long errors = 0;
  const int code = nvml_.ecc_errors(device, nvml::kUncorrected, nvml::kSinceReset, &errors);
  if (code == nvml::kGpuIsLost) {
    gpu.health = Health::kLost;
    gpu.reason = nvml_.explain(code);
  } else if (code == nvml::kSuccess && errors > 0) {
    gpu.health = Health::kFailing;
    gpu.reason = "memory errors that ECC could not correct: " + std::to_string(errors);
  }
}

void Survey::find_slices(nvml::Device board, const ReportedGpu& gpu, Report& report) {
  unsigned most = 0;
  if (nvml_.most_slices == nullptr || nvml_.most_slices(board, &most) != nvml::kSuccess) return;
  for (unsigned i = 0; i < most && report.slices.size() < kMostSlices; ++i) {
    nvml::Device device = nullptr;
    if (nvml_.slice_by_index(board, i, &device) != nvml::kSuccess) continue;  // a gap
    ReportedSlice slice;
    slice.parent = gpu.uuid;
    slice.uuid = text_of(nvml_.uuid, device);
    slice.name = text_of(nvml_.name, device);
    nvml::Memory memory{};
    if (slice.uuid.empty() || slice.name.empty() ||
        nvml_.memory(device, &memory) != nvml::kSuccess) {
      continue;
    }
    slice.memory_bytes = memory.total;
    slice.free_bytes = memory.free;
    if (nvml_.gpu_instance != nullptr) nvml_.gpu_instance(device, &slice.gpu_instance);
    if (nvml_.compute_instance != nullptr) nvml_.compute_instance(device, &slice.compute_instance);
    report.slices.push_back(std::move(slice));
  }
}

void Survey::find_links(const std::vector<nvml::Device>& boards, Report& report) {
  for (std::size_t a = 0; a < boards.size(); ++a) {
    for (std::size_t b = a + 1; b < boards.size(); ++b) {
      int value = 0;
      LinkLevel level = LinkLevel::kSystem;
      if (nvml_.p2p_status != nullptr &&
          nvml_.p2p_status(boards[a], boards[b], nvml::kP2pByNvlink, &value) == nvml::kSuccess &&
          value == 0) {
        level = LinkLevel::kNvlink;
      } else if (nvml_.common_ancestor != nullptr &&
                 nvml_.common_ancestor(boards[a], boards[b], &value) == nvml::kSuccess) {
        level = level_of(value);
      }
      report.links.push_back({report.gpus[a].uuid, report.gpus[b].uuid, level});
    }
  }
}

void Survey::watch(nvml::Device device, const std::string& uuid) {
  if (events_ == nullptr || nvml_.register_events == nullptr || watched_.contains(uuid)) return;
  nvml_.register_events(device, nvml::kEventXid, events_);
  watched_.emplace(uuid, device);
}

void Survey::take_events() {
  nvml::EventData event{};
  for (unsigned i = 0; i < kMostEvents && events_ != nullptr && nvml_.wait_event != nullptr &&
                       nvml_.wait_event(events_, &event, 0) == nvml::kSuccess;
       ++i) {
    if (event.type != nvml::kEventXid ||
        std::ranges::find(kOfApplications, event.data) != kOfApplications.end()) {
      continue;
    }
    for (const auto& [uuid, device] : watched_) {
      if (device == event.device) xids_[uuid] = event.data;
    }
  }
}

}  // namespace tenon::devices
