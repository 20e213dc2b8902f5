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
    case kGone:
      return "Gone";
  }
  return "Unknown";
}

void RecentEvents::add(LifeEvent event) {
  if (events_.size() == kMost) events_.erase(events_.begin());
  events_.push_back(std::move(event));
}

}  // namespace tenon::lifecycle
