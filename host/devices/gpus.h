#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/devices/report.h"
#include "host/domain/flavor_rule.h"

namespace tenon::devices {

// What a replica can be given: a whole GPU, or a MIG slice of one.
struct Gpu {
  std::string uuid;
  std::string name;
  Flavor flavor;
  std::uint64_t memory_bytes = 0;
  std::uint64_t free_bytes = 0;  // as the driver says: the ledger knows better
  std::string pci_bus;           // of the board
  std::optional<unsigned> node;  // of NUMA; nothing on machines with one
  unsigned compute_major = 0;
  unsigned compute_minor = 0;
  std::string parent;              // a slice's board; empty: whole
  std::vector<std::string> files;  // the device files that belong to it alone: "/dev/nvidia0"
  Health health = Health::kOk;
  std::string reason;  // when not ok
  bool operator==(const Gpu&) const = default;
};

struct Gpus {
  std::string driver;        // version; empty: none
  std::string note;          // why there are none, or what is wrong with the driver
  bool answered = true;      // false: the driver did not, and what follows may be old
  std::vector<Gpu> devices;  // in the driver's order, slices in their board's place
  std::vector<Link> links;   // between boards
  bool operator==(const Gpus&) const = default;
};

// The inventory after a report. Whole devices that it does not name any more are lost and stay;
// slices that it does not name any more were taken away. NUMA nodes and the files of slices are
// read below `root`, "" for this machine.
Gpus next_gpus(const Gpus& before, const Report&, std::span<const FlavorRule>,
               const std::string& root);
// The inventory while the driver does not answer.
Gpus unanswered(Gpus, const std::string& reason);

// Between two devices of the inventory.
LinkLevel link_between(const Gpus&, const Gpu&, const Gpu&);

}  // namespace tenon::devices
