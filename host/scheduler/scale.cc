#include "host/scheduler/scale.h"

#include <algorithm>

namespace tenon::scheduler {
namespace {

std::uint64_t replicas_for(std::uint64_t requests, const Scale& scale) {
  const std::uint64_t target = std::max(1U, scale.target);
  return requests / target + (requests % target != 0);
}

}  // namespace

unsigned desired_replicas(const Scale& scale, const Demand& demand) {
  const unsigned most = std::max(1U, scale.max_replicas);
  const unsigned least = std::min(scale.min_replicas, most);
  std::uint64_t wanted = replicas_for(demand.in_flight + demand.queued, scale);
  if (demand.ready == 0) wanted = std::min<std::uint64_t>(wanted, 1);
  return static_cast<unsigned>(std::clamp<std::uint64_t>(wanted, least, most));
}

ScaleDownPlan plan_scale_down(const Scale& scale, std::span<const ReadyReplica> ready,
                              TimePoint now, bool window_over) {
  ScaleDownPlan plan;
  std::size_t left = ready.size();
  std::vector<const ReadyReplica*> idle;
  std::uint64_t peak = 0;
  for (const ReadyReplica& r : ready) {
    peak += r.peak;
    if (r.in_flight == 0) idle.push_back(&r);
  }
  std::ranges::sort(idle, {},
                    [](const ReadyReplica* r) { return std::pair(r->idle_since, r->id); });
  for (const ReadyReplica* r : idle) {
    if (left <= scale.min_replicas) break;
    const TimePoint due =
        r->idle_since + (left == 1 ? scale.last_replica_retention : scale.scale_down_delay);
    if (now < due) {
      plan.check_at = due;
      break;
    }
    plan.end.push_back(r->id);
    --left;
  }
  const std::size_t floor = std::max<std::size_t>(1, scale.min_replicas);
  if (window_over && plan.end.empty() && left > floor && replicas_for(peak, scale) < left) {
    plan.end.push_back(std::ranges::min_element(ready, {}, &ReadyReplica::in_flight)->id);
  }
  return plan;
}

}  // namespace tenon::scheduler
