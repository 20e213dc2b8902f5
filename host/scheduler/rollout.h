#pragma once

#include <cstdint>

// How requests pass from one revision of a deployment to another. No clock, no I/O, no threads.
namespace tenon::scheduler {

// Replicas of the revision that is to serve, and of earlier ones.
struct Rollout {
  unsigned old_ready = 0;
  unsigned old_starting = 0;
  unsigned new_ready = 0;
  unsigned new_starting = 0;
  unsigned scale = 0;    // ready old ones when it began
  unsigned most = 1;     // maxReplicas of the new one
  bool blocked = false;  // there is no room for another new one, nor does any come
};

struct RolloutStep {
  unsigned at_least = 0;  // new ones that are to run, whatever is asked
  bool over = false;      // the new ones get all requests, old ones are drained
  bool share = false;     // new and old ones get requests
  unsigned end_old = 0;   // as many old ones go now, to make room
};

// Blue-green: old ones serve until as many new ones are ready, then all requests move at once.
// Without room for both, the least that keeps the deployment serving: one old one goes at a time,
// each only once a new one is ready (which then shares the requests). To make room for the first
// new one an old one goes as well, even the last: requests then wait, none is refused.
RolloutStep plan_rollout(const Rollout&);

// Which requests a share of `weight` percent takes: as evenly spread as can be, exactly `weight` of
// each hundred.
class Share {
 public:
  bool take(unsigned weight) {
    sum_ = static_cast<std::uint8_t>(sum_ + weight);
    if (sum_ < 100) return false;
    sum_ = static_cast<std::uint8_t>(sum_ - 100);
    return true;
  }

 private:
  std::uint8_t sum_ = 50;  // below 100
};

}  // namespace tenon::scheduler
