#include "host/lifecycle/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "host/scheduler/cpu_set.h"

namespace tenon::lifecycle {
namespace {

using devices::Gpu;
using devices::Gpus;
using devices::Health;
using devices::LinkLevel;
using scheduler::DeviceIndex;

// The CPUs stand first in the inventory, then the devices in the driver's order.
constexpr DeviceIndex kCpus = 0;
constexpr DeviceIndex kFirstGpu = 1;

// Beyond what lying in one NUMA node is worth; 0: nothing.
unsigned strength(LinkLevel level) {
  switch (level) {
    case LinkLevel::kBoard:
      return 4;
    case LinkLevel::kNvlink:
      return 3;
    case LinkLevel::kPciSwitch:
      return 2;
    case LinkLevel::kHostBridge:
      return 1;
    case LinkLevel::kNode:
    case LinkLevel::kSystem:
      break;
  }
  return 0;
}

void link(std::vector<scheduler::Device>& out, const Gpus& gpus) {
  std::map<std::string_view, std::vector<DeviceIndex>> boards;
  for (DeviceIndex d = 0; d < gpus.devices.size(); ++d) {
    const Gpu& gpu = gpus.devices[d];
    boards[gpu.parent.empty() ? gpu.uuid : gpu.parent].push_back(kFirstGpu + d);
  }
  const auto join = [&](const auto& these, const auto& those, LinkLevel level) {
    for (const DeviceIndex a : these) {
      for (const DeviceIndex b : those) {
        if (a != b) out[a].links.push_back({b, strength(level)});
      }
    }
  };
  for (const auto& [board, slices] : boards) join(slices, slices, LinkLevel::kBoard);
  for (const devices::Link& l : gpus.links) {
    if (strength(l.level) == 0 || !boards.contains(l.a) || !boards.contains(l.b)) continue;
    join(boards.at(l.a), boards.at(l.b), l.level);
    join(boards.at(l.b), boards.at(l.a), l.level);
  }
}

std::vector<std::string_view> usable(const Gpus& gpus) {
  std::vector<std::string_view> out;
  for (const Gpu& gpu : gpus.devices) {
    if (gpu.health == Health::kOk) out.push_back(gpu.uuid);
  }
  return out;
}

std::optional<DeviceIndex> index_of(const std::optional<Gpus>& gpus, const std::string& uuid) {
  if (!gpus) return std::nullopt;
  const auto found = std::ranges::find(gpus->devices, uuid, &Gpu::uuid);
  if (found == gpus->devices.end()) return std::nullopt;
  return kFirstGpu + static_cast<DeviceIndex>(found - gpus->devices.begin());
}

}  // namespace

std::uint64_t HeldLease::host_bytes() const {
  const std::uint64_t measured = ready ? ready->memory_bytes() : 0;
  return measured != 0 ? measured : predicted_bytes;
}

std::uint64_t HeldLease::device_bytes(std::size_t ordinal) const {
  const std::uint64_t measured = ready ? ready->device_bytes(ordinal) : 0;
  return measured != 0 ? measured : lease.devices[ordinal].memory_bytes;
}

std::uint64_t HeldLease::device_bytes() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < lease.devices.size(); ++i) sum += device_bytes(i);
  return sum;
}

Ledger::Ledger(devices::Cpus cpus, const RoomLimits& limits)
    : cpus_(std::move(cpus)), limits_(limits) {}

void Ledger::set_limits(const RoomLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

RoomLimits Ledger::limits() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

bool Ledger::set_gpus(Gpus gpus) {
  const bool changed = !gpus_ || gpus_->answered != gpus.answered || usable(*gpus_) != usable(gpus);
  const std::lock_guard lock(mutex_);
  gpus_ = std::move(gpus);
  return changed;
}

std::optional<std::string> Ledger::gpus_unknown() const {
  if (!gpus_) return "the NVIDIA driver was not asked yet";
  return gpus_->answered ? std::nullopt : std::optional(gpus_->note);
}

scheduler::Inventory Ledger::inventory() const {
  std::vector<scheduler::Device> devices{{.name = "cpu",
                                          .flavor = cpus_.flavor,
                                          .bytes = limits_.bytes,
                                          .replicas = limits_.replicas,
                                          .threads = cpus_.usable}};
  if (gpus_) {
    for (const Gpu& gpu : gpus_->devices) {
      devices.push_back({.name = gpu.uuid,
                         .flavor = gpu.flavor,
                         .bytes = gpu.memory_bytes,
                         .numa = gpu.node.value_or(0),
                         .usable = gpu.health == Health::kOk});
    }
    link(devices, *gpus_);
  }
  return scheduler::Inventory(std::move(devices));
}

workers::Lease Ledger::lease(const scheduler::Decision& decision, unsigned threads) const {
  workers::Lease lease;
  lease.flavor = to_string(decision.flavor);
  lease.threads = threads == 0 ? decision.threads : std::min(threads, decision.threads);
  std::optional<unsigned> near;
  for (const scheduler::Use& use : decision.site) {
    if (use.device == kCpus) continue;
    const Gpu& gpu = gpus_->devices[use.device - kFirstGpu];
    if (!near) near = gpu.node;
    lease.devices.push_back({gpu.uuid, to_string(gpu.flavor), use.bytes, gpu.files});
  }
  std::vector<scheduler::CpuUse> cpus;
  for (const devices::Cpu& cpu : cpus_.cpus) cpus.push_back({cpu.id, cpu.core, cpu.node, 0});
  for (const auto& [id, held] : leases_) {
    for (const unsigned cpu : held.lease.cpus) {
      const auto found = std::ranges::find(cpus, cpu, &scheduler::CpuUse::id);
      if (found != cpus.end()) ++found->leases;
    }
  }
  lease.cpus = scheduler::lease_cpus(cpus, lease.threads, near);
  return lease;
}

void Ledger::book(HeldLease held) {
  devices_held_ += held.lease.devices.empty() ? 0 : 1;
  const std::uint64_t id = held.replica;
  const std::lock_guard lock(mutex_);
  leases_.emplace(id, std::move(held));
}

void Ledger::note_ready(std::uint64_t replica, std::shared_ptr<const workers::Replica> ready) {
  const std::lock_guard lock(mutex_);
  if (const auto found = leases_.find(replica); found != leases_.end()) {
    found->second.ready = std::move(ready);
  }
}

void Ledger::give_back(std::uint64_t replica) {
  const auto found = leases_.find(replica);
  if (found == leases_.end()) return;
  devices_held_ -= found->second.lease.devices.empty() ? 0 : 1;
  const std::lock_guard lock(mutex_);
  leases_.erase(found);
}

const HeldLease* Ledger::find(std::uint64_t replica) const {
  const auto found = leases_.find(replica);
  return found == leases_.end() ? nullptr : &found->second;
}

std::vector<scheduler::Use> Ledger::uses(const HeldLease& held) const {
  std::vector<scheduler::Use> out;
  for (std::size_t i = 0; i < held.lease.devices.size(); ++i) {
    // A slice that was taken away has no place any more.
    if (const auto device = index_of(gpus_, held.lease.devices[i].uuid)) {
      out.push_back({*device, held.device_bytes(i)});
    }
  }
  out.push_back({kCpus, held.host_bytes()});
  return out;
}

std::optional<std::string> Ledger::trouble(const HeldLease& held) const {
  for (const workers::LeasedDevice& device : held.lease.devices) {
    const auto index = index_of(gpus_, device.uuid);
    if (!index) return device.uuid + " was taken away";
    const Gpu& gpu = gpus_->devices[*index - kFirstGpu];
    if (gpu.health != Health::kLost && gpu.health != Health::kFailing) continue;
    return fmt::format("{} is {}: {}", gpu.uuid, to_string(gpu.health), gpu.reason);
  }
  return std::nullopt;
}

std::optional<Gpus> Ledger::gpus() const {
  const std::lock_guard lock(mutex_);
  return gpus_;
}

std::vector<HeldLease> Ledger::leases() const {
  const std::lock_guard lock(mutex_);
  std::vector<HeldLease> out;
  for (const auto& [id, held] : leases_) out.push_back(held);
  return out;
}

}  // namespace tenon::lifecycle
