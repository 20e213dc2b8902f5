#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/error.h"

// What `tenon-devices` tells the host of the NVIDIA driver: lines of fields between tabs, the last
// line being "end". The host does not trust it.
namespace tenon::devices {

enum class Health : std::uint8_t {
  kOk,
  kFailing,  // it answers, with errors that make its results doubtful
  kLost,     // the driver has it no more
  kUnknown,  // the driver does not answer
};
std::string_view to_string(Health);  // "ok", "failing", "lost", "unknown"

// How near two devices are to each other, the nearest first.
enum class LinkLevel : std::uint8_t {
  kBoard,       // slices of one device
  kNvlink,      // directly or through a switch of it
  kPciSwitch,   // PCIe without the CPU's host bridge
  kHostBridge,  // one PCIe host bridge
  kNode,        // one NUMA node
  kSystem,      // across NUMA nodes
};
std::string_view to_string(LinkLevel);  // "board", "nvlink", "switch", "bridge", "node", "system"

struct ReportedGpu {
  std::string uuid;
  std::string name;     // "NVIDIA H100 80GB HBM3"
  std::string pci_bus;  // "00000000:18:00.0"
  unsigned minor = 0;   // /dev/nvidia0
  unsigned compute_major = 0;
  unsigned compute_minor = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t free_bytes = 0;  // at most memory_bytes
  bool mig = false;              // cut into slices: nothing runs on the whole
  Health health = Health::kOk;
  std::string reason;  // when not ok
  bool operator==(const ReportedGpu&) const = default;
};

struct ReportedSlice {
  std::string parent;  // UUID
  std::string uuid;
  std::string name;  // "NVIDIA H100 80GB HBM3 MIG 1g.10gb"
  unsigned gpu_instance = 0;
  unsigned compute_instance = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t free_bytes = 0;
  bool operator==(const ReportedSlice&) const = default;
};

struct Link {
  std::string a;  // UUIDs of whole devices
  std::string b;
  LinkLevel level = LinkLevel::kSystem;
  bool operator==(const Link&) const = default;
};

struct Report {
  std::string driver;   // version; empty: none
  std::string absent;   // why there is no NVIDIA device, in words
  std::string problem;  // a driver that is there and does not work
  std::vector<ReportedGpu> gpus;
  std::vector<ReportedSlice> slices;
  std::vector<Link> links;
  bool operator==(const Report&) const = default;
};

inline constexpr std::size_t kMostReportBytes = 512 * 1024;
inline constexpr std::size_t kMostGpus = 64;
inline constexpr std::size_t kMostSlices = 8 * kMostGpus;

std::string encode(const Report&);
// The whole text, "end" included. More free than there is counts as all free: free memory decides
// nothing alone.
Result<Report> parse_report(std::string_view);

}  // namespace tenon::devices
