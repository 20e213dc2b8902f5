#include "host/devices/helper/nvml.h"

#include <dlfcn.h>

namespace tenon::devices::nvml {
namespace {

template <class F>
bool find(void* library, const char* name, F*& function) {
  function = reinterpret_cast<F*>(::dlsym(library, name));
  return function != nullptr;
}

}  // namespace

Result<Library> Library::open(const char* name) {
  void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return fail(Code::kNotFound, std::string("no NVIDIA driver: ") + ::dlerror());
  }
  Library out;
  const bool whole = find(library, "nvmlInit_v2", out.init) &&
                     find(library, "nvmlShutdown", out.shutdown) &&
                     find(library, "nvmlErrorString", out.error_string) &&
                     find(library, "nvmlSystemGetDriverVersion", out.driver_version) &&
                     find(library, "nvmlDeviceGetCount_v2", out.count) &&
                     find(library, "nvmlDeviceGetHandleByIndex_v2", out.by_index) &&
                     find(library, "nvmlDeviceGetUUID", out.uuid) &&
                     find(library, "nvmlDeviceGetName", out.name) &&
                     find(library, "nvmlDeviceGetMemoryInfo", out.memory) &&
                     find(library, "nvmlDeviceGetPciInfo_v3", out.pci) &&
                     find(library, "nvmlDeviceGetMinorNumber", out.minor) &&
                     find(library, "nvmlDeviceGetCudaComputeCapability", out.compute_capability) &&
                     find(library, "nvmlDeviceGetTotalEccErrors", out.ecc_errors);
  if (!whole) {
    return fail(Code::kNotFound,
                std::string(name) + " lacks a function of NVML 11: " + ::dlerror());
  }
  find(library, "nvmlDeviceGetMigMode", out.mig_mode);
  find(library, "nvmlDeviceGetMaxMigDeviceCount", out.most_slices);
  find(library, "nvmlDeviceGetMigDeviceHandleByIndex", out.slice_by_index);
  find(library, "nvmlDeviceGetGpuInstanceId", out.gpu_instance);
  find(library, "nvmlDeviceGetComputeInstanceId", out.compute_instance);
  find(library, "nvmlDeviceGetTopologyCommonAncestor", out.common_ancestor);
  find(library, "nvmlDeviceGetP2PStatus", out.p2p_status);
  find(library, "nvmlEventSetCreate", out.make_event_set);
  find(library, "nvmlDeviceRegisterEvents", out.register_events);
  find(library, "nvmlEventSetWait_v2", out.wait_event);
  return out;
}

std::string Library::explain(int code) const {
  const char* text = error_string(code);
  return std::string(text == nullptr ? "unknown" : text) + " (" + std::to_string(code) + ")";
}

}  // namespace tenon::devices::nvml
