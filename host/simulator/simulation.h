#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/simulator/scenario.h"
#include "host/simulator/trace.h"
#include "host/simulator/waits.h"

// What would become of a trace on a machine: the host's own decisions (placement, eviction,
// scaling) under a clock that jumps from event to event. The same input gives the same outcome.
namespace tenon::simulator {

struct FlavorUse {
  Flavor flavor;
  unsigned devices = 0;
  double held = 0;  // of their memory, over the time; 0 where memory is not limited
  double busy = 0;  // of them had a request under way, over the time
  std::uint64_t starts = 0;
};

// A deployment that never had a place.
struct Unplaced {
  DeploymentKey deployment;
  std::string why;
  std::uint64_t requests = 0;  // refused for it
};

struct Outcome {
  microseconds time{};  // from the first request to the end of the last
  std::uint64_t requests = 0;
  std::uint64_t served = 0;
  std::uint64_t cold = 0;        // of those that were served: no replica was ready when they came
  std::uint64_t queue_full = 0;  // refused
  std::uint64_t waited_too_long = 0;
  std::uint64_t no_place = 0;
  std::uint64_t starts = 0;     // of replicas
  std::uint64_t evictions = 0;  // idle replicas that made room for others
  std::size_t most_replicas = 0;
  std::size_t most_waiting = 0;  // replicas that waited for room at once
  Waits waits;                   // of all that were served
  Waits cold_waits;
  std::vector<FlavorUse> flavors;
  std::vector<Unplaced> unplaced;  // by name
};

// The error: the trace names a deployment that is not there.
Result<Outcome> simulate(const Scenario&, const Trace&);

}  // namespace tenon::simulator
