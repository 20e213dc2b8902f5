#include "host/scheduler/scale_down.h"

#include <algorithm>

namespace tenon::scheduler {

ScaleDownPlan plan_scale_down(const Scale& scale, std::span<const ReadyReplica> ready,
                              unsigned wanted, TimePoint now) {
  ScaleDownPlan plan;
  const std::size_t keep = std::max({1U, wanted, scale.min_replicas});
  std::size_t left = ready.size();
  std::vector<const ReadyReplica*> idle;
  for (const ReadyReplica& r : ready) {
    if (r.in_flight == 0) idle.push_back(&r);
  }
  std::ranges::sort(idle, {},
                    [](const ReadyReplica* r) { return std::pair(r->idle_since, r->id); });
  for (const ReadyReplica* r : idle) {
    if (left > keep) {
      plan.end.push_back(r->id);
      --left;
    } else if (left == 1 && scale.min_replicas == 0) {
      const TimePoint due = r->idle_since + scale.last_replica_retention;
      if (now < due) {
        plan.check_at = due;
      } else {
        plan.end.push_back(r->id);
      }
      break;
    }
  }
  if (plan.end.empty() && left > keep) {
    plan.end.push_back(std::ranges::min_element(ready, {}, &ReadyReplica::in_flight)->id);
  }
  return plan;
}

}  // namespace tenon::scheduler
