#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "host/domain/deployment.h"

// Which replicas of a deployment may go. No clock, no I/O, no threads.
namespace tenon::scheduler {

using TimePoint = std::chrono::steady_clock::time_point;

struct ReadyReplica {
  std::uint64_t id = 0;
  std::uint64_t in_flight = 0;
  TimePoint idle_since{};  // when in_flight became 0
};

struct ScaleDownPlan {
  std::vector<std::uint64_t> end;
  std::optional<TimePoint> check_at;  // when the last one will have been idle for long enough
};

// Of more replicas than are wanted the idle ones go, the longest idle first; when none of them is
// idle, the least loaded one, which is drained. The last one goes once it has been idle for
// lastReplicaRetention. Never below minReplicas.
ScaleDownPlan plan_scale_down(const Scale&, std::span<const ReadyReplica>, unsigned wanted,
                              TimePoint now);

}  // namespace tenon::scheduler
