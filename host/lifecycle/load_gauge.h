#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "host/lifecycle/clock.h"

namespace tenon::lifecycle {

// How much was asked of a deployment by the requests of one event loop: how many came, and for how
// long they were inside, exact to the moment of reading. One thread writes, any reads.
class LoadGauge {
 public:
  struct Reading {
    std::uint64_t requests = 0;
    double request_seconds = 0;
  };

  // [the loop]
  void enter(TimePoint now) { change(now, 1); }
  void leave(TimePoint now) { change(now, -1); }

  // [any]
  Reading read(TimePoint now) const {
    for (;;) {
      const std::uint64_t before = version_.load(std::memory_order_acquire);
      const std::int64_t inside = inside_.load(std::memory_order_relaxed);
      const TimePoint::rep last = last_.load(std::memory_order_relaxed);
      const double sum = sum_.load(std::memory_order_relaxed);
      const std::uint64_t requests = requests_.load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (before % 2 != 0 || version_.load(std::memory_order_relaxed) != before) continue;
      return {requests, sum + held(inside, last, now.time_since_epoch().count())};
    }
  }

 private:
  static double held(std::int64_t inside, TimePoint::rep from, TimePoint::rep to) {
    const TimePoint::duration time(std::max<TimePoint::rep>(0, to - from));
    return static_cast<double>(inside) * std::chrono::duration<double>(time).count();
  }

  void change(TimePoint now, std::int64_t by) {
    const std::int64_t inside = inside_.load(std::memory_order_relaxed);
    const TimePoint::rep time = now.time_since_epoch().count();
    const double gained = held(inside, last_.load(std::memory_order_relaxed), time);
    const std::uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    sum_.store(sum_.load(std::memory_order_relaxed) + gained, std::memory_order_relaxed);
    last_.store(time, std::memory_order_relaxed);
    inside_.store(inside + by, std::memory_order_relaxed);
    if (by > 0)
      requests_.store(requests_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    version_.store(version + 2, std::memory_order_release);
  }

  std::atomic<std::uint64_t> version_{0};  // odd while it changes
  std::atomic<std::int64_t> inside_{0};
  std::atomic<TimePoint::rep> last_{0};
  std::atomic<double> sum_{0};  // request-seconds until then
  std::atomic<std::uint64_t> requests_{0};
};

}  // namespace tenon::lifecycle
