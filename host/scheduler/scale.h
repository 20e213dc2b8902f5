#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "host/domain/deployment.h"

// How many replicas a deployment should have, and which may go. No clock, no I/O, no threads.
namespace tenon::scheduler {

using TimePoint = std::chrono::steady_clock::time_point;

struct Demand {
  unsigned ready = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t queued = 0;
};

// Replicas for this demand, between min and max. While none is ready one start at a time is made
// for requests (single flight), however many wait.
unsigned desired_replicas(const Scale&, const Demand&);

struct ReadyReplica {
  std::uint64_t id = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t peak = 0;  // most in flight at once since the window began
  TimePoint idle_since{};  // when in_flight became 0
};

struct ScaleDownPlan {
  std::vector<std::uint64_t> end;
  std::optional<TimePoint> check_at;  // when an idle one will have been idle for long enough
};

// Which ready replicas have been idle for long enough, the longest idle first: scaleDownDelay for
// all but the last, lastReplicaRetention for that one, never below minReplicas. When the window
// (one scaleDownDelay) is over and its peak would have fitted into fewer replicas, the least loaded
// one goes as well, though it may have work: it is drained.
ScaleDownPlan plan_scale_down(const Scale&, std::span<const ReadyReplica>, TimePoint now,
                              bool window_over);

}  // namespace tenon::scheduler
