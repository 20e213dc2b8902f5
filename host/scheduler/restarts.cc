#include "host/scheduler/restarts.h"

#include <algorithm>

namespace tenon::scheduler {

Restarts after_failure(const RestartPolicy& policy, const Restarts& before, TimePoint now) {
  Restarts after;
  after.failures = before.failures + 1;
  after.open = after.failures >= policy.breaker;
  const unsigned doublings = std::min(after.failures - 1, 16U);
  const std::chrono::milliseconds back_off = std::min(policy.most, policy.first * (1 << doublings));
  after.not_before = now + (after.open ? policy.cool_down : back_off);
  return after;
}

}  // namespace tenon::scheduler
