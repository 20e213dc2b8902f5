#include "host/scheduler/sliding_average.h"

#include <algorithm>

namespace tenon::scheduler {
namespace {

double seconds(TimePoint::duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace

SlidingAverage::SlidingAverage(std::chrono::milliseconds window, TimePoint begin, double sum)
    : quantum_(std::max<TimePoint::duration>(std::chrono::milliseconds(1),
                                             TimePoint::duration(window) / kQuanta)),
      begin_(begin),
      last_(begin),
      sum_(sum) {}

void SlidingAverage::read(TimePoint now, double sum) {
  const double gain = std::max(0.0, sum - sum_);
  sum_ = sum;
  if (now <= last_) {
    gained(quantum_of(last_)) += gain;
    return;
  }
  const double rate = gain / seconds(now - last_);
  const std::int64_t end = quantum_of(now);
  // The first one holds something already; of a long gap only the last window matters.
  for (std::int64_t q = std::max(quantum_of(last_), end - kQuanta + 1); q <= end; ++q) {
    const TimePoint from = std::max(last_, TimePoint(q * quantum_));
    const TimePoint to = std::min(now, TimePoint((q + 1) * quantum_));
    if (q != quantum_of(last_)) gained(q) = 0;
    gained(q) += rate * seconds(to - from);
  }
  last_ = now;
}

double SlidingAverage::over(unsigned quanta) const {
  const std::int64_t end = quantum_of(last_);
  double sum = 0;
  for (std::int64_t q = end - std::min(quanta, kQuanta) + 1; q <= end; ++q) {
    if (q >= quantum_of(begin_)) sum += gained_[static_cast<std::size_t>(q % kQuanta)];
  }
  const TimePoint first((end - quanta + 1) * quantum_);
  // The very first moments say little: they count as a whole quantum.
  return sum / seconds(std::max(quantum_, last_ - std::max(begin_, first)));
}

}  // namespace tenon::scheduler
