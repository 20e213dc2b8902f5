#pragma once

#include <chrono>
#include <vector>

namespace tenon::scheduler {

using TimePoint = std::chrono::steady_clock::time_point;

// What a growing sum gained per second, over the last window or a part of it. A value: a window is
// kQuanta sums, and what it tells is exact to one of them.
class SlidingAverage {
 public:
  static constexpr unsigned kQuanta = 60;

  SlidingAverage(std::chrono::milliseconds window, TimePoint begin, double sum);

  // The sum has become this; what it gained came evenly since the last reading.
  void read(TimePoint now, double sum);
  // Per second over the last `quanta` of them, or since the beginning when that is shorter.
  double over(unsigned quanta) const;

 private:
  std::int64_t quantum_of(TimePoint t) const { return t.time_since_epoch() / quantum_; }
  double& gained(std::int64_t quantum) {
    return gained_[static_cast<std::size_t>(quantum % kQuanta)];
  }

  TimePoint::duration quantum_;
  std::vector<double> gained_ = std::vector<double>(kQuanta);
  TimePoint begin_, last_;
  double sum_;
};

}  // namespace tenon::scheduler
