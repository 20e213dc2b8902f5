#include "host/lifecycle/kept.h"

#include <algorithm>
#include <functional>

namespace tenon::lifecycle {

bool Kept::is_old(const ReplicaSlot& slot) const {
  if (!flavor_allowed(wanted->terms(), slot.kept.flavor)) return true;
  return slot.revision() != revision && !slot.revision()->same_worker(*revision);
}

Kept::Count Kept::count() const {
  Count count;
  for (const auto& slot : slots) {
    if (slot->closed()) continue;
    count.in_flight += slot->in_flight();
    const bool ready = slot->kept.ready;
    if (is_old(*slot)) {
      ++(ready ? count.old_ready : count.old_starting);
    } else {
      ++(ready ? count.ready : count.starting);
    }
  }
  return count;
}

bool Kept::rolling() const {
  return scale_before != 0 || std::ranges::any_of(slots, [this](const auto& slot) {
           return !slot->closed() && is_old(*slot);
         });
}

std::vector<std::shared_ptr<ReplicaSlot>> Kept::listed() const {
  std::vector<std::shared_ptr<ReplicaSlot>> ready;
  for (const auto& slot : slots) {
    if (slot->kept.ready && !slot->closed()) ready.push_back(slot);
  }
  if (sharing) return ready;
  const auto earlier = [this](const auto& slot) { return is_old(*slot); };
  if (std::ranges::any_of(ready, earlier)) std::erase_if(ready, std::not_fn(earlier));
  return ready;
}

std::uint64_t Kept::memory_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& slot : slots) {
    if (slot->kept.ready) sum += slot->replica().memory_bytes();
  }
  return sum;
}

void Kept::forget_learned() {
  restarts = {};
  bytes = estimated_bytes = device_bytes = 0;
  threads = 0;
  estimated = asking_estimate = false;
}

bool flavor_allowed(const Terms& terms, const std::string& flavor) {
  if (!terms.allowed_flavors) return true;
  return std::ranges::find(*terms.allowed_flavors, flavor) != terms.allowed_flavors->end();
}

std::optional<std::vector<Flavor>> flavors_of(const DeploymentSpec& spec, const Terms& terms) {
  std::vector<Flavor> out;
  if (spec.flavors.empty() && !terms.allowed_flavors) return out;
  const bool any_cpu = spec.flavors.empty();
  for (const std::string& name : any_cpu ? *terms.allowed_flavors : spec.flavors) {
    const auto flavor = parse_flavor(name);
    if (!flavor || !flavor_allowed(terms, name)) continue;
    if (!any_cpu || flavor->type == FlavorType::kCpu) out.push_back(*flavor);
  }
  return out.empty() ? std::nullopt : std::optional(std::move(out));
}

}  // namespace tenon::lifecycle
