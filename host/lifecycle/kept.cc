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
  bytes = estimated_bytes = 0;
  threads = 0;
  estimated = asking_estimate = false;
}

bool flavor_allowed(const Terms& terms, const std::string& flavor) {
  if (!terms.allowed_flavors) return true;
  return std::ranges::any_of(*terms.allowed_flavors, [&](const std::string& allowed) {
    return flavor.empty() ? allowed.starts_with("cpu/") : allowed == flavor;
  });
}

std::optional<std::string> flavor_of(const DeploymentSpec& spec, const Terms& terms) {
  if (spec.flavors.empty()) {
    return flavor_allowed(terms, "") ? std::optional(std::string()) : std::nullopt;
  }
  for (const std::string& flavor : spec.flavors) {
    if (flavor_allowed(terms, flavor)) return flavor;
  }
  return std::nullopt;
}

}  // namespace tenon::lifecycle
