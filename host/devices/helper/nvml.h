#pragma once

#include <string>

#include "host/domain/error.h"

// The few functions of NVIDIA's management library that we call, from a library opened at run time.
// Declarations after the public API reference and nvml.h of CUDA 12.4 (NVML 12); names, values and
// layouts have been the same since NVML 11, where MIG came. Functions that an older library may
// lack are null then.
namespace tenon::devices::nvml {

using Device = struct DeviceTag*;
using EventSet = struct EventSetTag*;

enum Return : int {
  kSuccess = 0,
  kNotSupported = 3,
  kDriverNotLoaded = 9,
  kGpuIsLost = 15,
  kLibraryMismatch = 18,  // NVML_ERROR_LIB_RM_VERSION_MISMATCH
};

struct Memory {
  unsigned long long total, free, used;
};
struct PciInfo {
  char bus_id_legacy[16];
  unsigned domain, bus, device, pci_device_id, pci_subsystem_id;
  char bus_id[32];
};
struct EventData {
  Device device;
  unsigned long long type, data;
  unsigned gpu_instance, compute_instance;
};

inline constexpr unsigned long long kEventXid = 0x8;
inline constexpr int kUncorrected = 1;  // nvmlMemoryErrorType_t
inline constexpr int kSinceReset = 0;   // nvmlEccCounterType_t: volatile
inline constexpr int kP2pByNvlink = 2;  // nvmlGpuP2PCapsIndex_t
inline constexpr unsigned kText = 96;   // the longest of the text buffers
inline constexpr unsigned kMigEnabled = 1;

struct Library {
  // The error when there is none to open: no driver is installed.
  static Result<Library> open(const char* name);

  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*driver_version)(char*, unsigned) = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*by_index)(unsigned, Device*) = nullptr;
  int (*uuid)(Device, char*, unsigned) = nullptr;
  int (*name)(Device, char*, unsigned) = nullptr;
  int (*memory)(Device, Memory*) = nullptr;
  int (*pci)(Device, PciInfo*) = nullptr;
  int (*minor)(Device, unsigned*) = nullptr;
  int (*compute_capability)(Device, int*, int*) = nullptr;
  int (*ecc_errors)(Device, int type, int counter, unsigned long long*) = nullptr;
  // May be null:
  int (*mig_mode)(Device, unsigned* current, unsigned* pending) = nullptr;
  int (*most_slices)(Device, unsigned*) = nullptr;
  int (*slice_by_index)(Device, unsigned, Device*) = nullptr;
  int (*gpu_instance)(Device, unsigned*) = nullptr;
  int (*compute_instance)(Device, unsigned*) = nullptr;
  int (*common_ancestor)(Device, Device, int* level) = nullptr;
  int (*p2p_status)(Device, Device, int index, int* status) = nullptr;
  int (*make_event_set)(EventSet*) = nullptr;
  int (*register_events)(Device, unsigned long long types, EventSet) = nullptr;
  int (*wait_event)(EventSet, EventData*, unsigned milliseconds) = nullptr;

  std::string explain(int code) const;
};

}  // namespace tenon::devices::nvml
