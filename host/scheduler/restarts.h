#pragma once

#include <chrono>

// When a deployment that failed may be started again. No clock, no I/O, no threads.
namespace tenon::scheduler {

using TimePoint = std::chrono::steady_clock::time_point;

struct RestartPolicy {
  std::chrono::milliseconds first{100};  // back-off after the first failure; doubles
  std::chrono::milliseconds most{10'000};
  unsigned breaker = 5;                         // failures in a row that open the breaker
  std::chrono::milliseconds cool_down{30'000};  // then one start is tried, and again after that
};

// Failures in a row: loads that failed, and workers that died before they had answered anything.
struct Restarts {
  unsigned failures = 0;
  bool open = false;  // the breaker; closed by an answer
  TimePoint not_before{};
};

Restarts after_failure(const RestartPolicy&, const Restarts&, TimePoint now);

}  // namespace tenon::scheduler
