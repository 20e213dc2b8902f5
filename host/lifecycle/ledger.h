#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/devices/cpus.h"
#include "host/devices/gpus.h"
#include "host/domain/deployment.h"
#include "host/scheduler/placement.h"
#include "host/workers/replica.h"

namespace tenon::lifecycle {

// What all replicas may take together.
struct RoomLimits {
  unsigned replicas = 0;
  std::uint64_t bytes = 0;  // 0: not limited
};

// What a replica holds of the machine, until its process is gone.
struct HeldLease {
  std::uint64_t replica = 0;
  DeploymentKey deployment;
  std::uint64_t revision = 0;
  workers::Lease lease;
  std::uint64_t predicted_bytes = 0;  // of the host; 0: not known
  std::chrono::system_clock::time_point since;
  std::shared_ptr<const workers::Replica> ready{};  // null until then

  // As measured, else as predicted.
  std::uint64_t host_bytes() const;
  std::uint64_t device_bytes(std::size_t ordinal) const;
  std::uint64_t device_bytes() const;  // of all its devices
};

// The machine, and which replica holds what of it. Changed on the control loop.
class Ledger {
 public:
  Ledger(devices::Cpus, const RoomLimits&);

  // [control]
  void set_limits(const RoomLimits&);
  // True when other devices can be used than before.
  bool set_gpus(devices::Gpus);
  // Why it is not known which devices there are; nothing when it is.
  std::optional<std::string> gpus_unknown() const;

  scheduler::Inventory inventory() const;  // with nothing placed on it
  // What a decision gives; the host's memory is the caller's matter. `threads`: useful at most, 0:
  // as many as there are.
  workers::Lease lease(const scheduler::Decision&, unsigned threads) const;
  void book(HeldLease);
  void note_ready(std::uint64_t replica, std::shared_ptr<const workers::Replica>);
  void give_back(std::uint64_t replica);
  // Null when it holds nothing.
  const HeldLease* find(std::uint64_t replica) const;
  // Where that stands in the inventory.
  std::vector<scheduler::Use> uses(const HeldLease&) const;
  // Why a replica can no longer use a device that it holds.
  std::optional<std::string> trouble(const HeldLease&) const;
  bool devices_held() const { return devices_held_ != 0; }

  // [any]
  const devices::Cpus& cpus() const { return cpus_; }
  RoomLimits limits() const;
  std::optional<devices::Gpus> gpus() const;  // nothing until the driver was asked
  std::vector<HeldLease> leases() const;

 private:
  const devices::Cpus cpus_;
  unsigned devices_held_ = 0;  // replicas with devices

  mutable std::mutex mutex_;  // the control loop reads without it what it alone writes
  RoomLimits limits_;
  std::optional<devices::Gpus> gpus_;
  std::map<std::uint64_t, HeldLease> leases_;
};

}  // namespace tenon::lifecycle
