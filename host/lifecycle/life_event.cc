#include "host/lifecycle/life_event.h"

namespace tenon::lifecycle {

std::string_view to_string(LifeEvent::Type type) {
  using enum LifeEvent::Type;
  switch (type) {
    case kState:
      return "State";
    case kRevision:
      return "Revision";
    case kRevisionFailed:
      return "RevisionFailed";
    case kCanary:
      return "Canary";
    case kLoadFailed:
      return "LoadFailed";
    case kCrashed:
      return "Crashed";
    case kEvicted:
      return "Evicted";
    case kBreaker:
      return "Breaker";
    case kPolicy:
      return "Policy";
    case kDevice:
      return "Device";
    case kGone:
      return "Gone";
  }
  return "Unknown";
}

void LifeObservers::on_event(const DeploymentKey& key, const LifeEvent& event) {
  for (LifeObserver* each : all_) each->on_event(key, event);
}

void LifeObservers::on_revision(const DeploymentKey& key, std::uint64_t number, Outcome outcome,
                                std::string_view reason) {
  for (LifeObserver* each : all_) each->on_revision(key, number, outcome, reason);
}

}  // namespace tenon::lifecycle
