#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "host/domain/deployment.h"
#include "host/scheduler/sliding_average.h"

// How many replicas a deployment should have: Knative's rules (docs/scaling.md), on values. No
// clock, no I/O, no threads.
namespace tenon::scheduler {

// The panic window in quanta of the stable one: 10 %.
inline constexpr unsigned kPanicQuanta = SlidingAverage::kQuanta / 10;
inline constexpr unsigned kPanicThreshold = 2;  // times the replicas that are ready
inline constexpr unsigned kMostUp = 1'000;      // times, in one step
inline constexpr unsigned kMostDown = 2;        // a half, in one step
inline constexpr milliseconds kScaleStep{2'000};

struct Reading {
  unsigned ready = 0;
  std::uint64_t requests = 0;  // in flight and waiting, at this moment
  // Of the metric over all replicas, since some beginning: request-seconds, requests,
  // per-cent-seconds, MiB-seconds.
  double sum = 0;
};

class Autoscaler {
 public:
  // Looks at a deployment, because something happened or because next() has come. What cannot wait
  // is decided at once, the rest in steps.
  void observe(const Scale&, const Reading&, TimePoint now);
  // When to look again though nothing happens; none while there is nothing to average.
  std::optional<TimePoint> next() const { return next_; }
  unsigned wanted(const Scale&, unsigned ready, std::uint64_t requests) const;
  // More requests than this in the least loaded replica must be told of at once.
  unsigned tell_above(const Scale&, unsigned ready) const;

 private:
  void step(const Scale&, const Reading&, TimePoint now);
  void panic(std::uint64_t replicas, TimePoint now);
  void decide(const Scale&, std::uint64_t replicas, TimePoint now);

  std::optional<SlidingAverage> average_;
  std::optional<TimePoint> next_;
  std::optional<TimePoint> panicked_;  // when the threshold was last passed
  std::uint64_t panic_most_ = 0;
  bool activating_ = false;  // from zero, until scaleUpMinimum was reached once
  std::uint64_t wanted_ = 1;
  // Within scaleDownDelay: falling, the first is the most.
  std::vector<std::pair<TimePoint, std::uint64_t>> delayed_;
};

}  // namespace tenon::scheduler
