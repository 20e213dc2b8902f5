#include "host/scheduler/rollout.h"

#include <algorithm>

namespace tenon::scheduler {

RolloutStep plan_rollout(const Rollout& now) {
  RolloutStep step;
  const unsigned goal = std::min(now.scale, std::max(1U, now.most));
  const unsigned old = now.old_ready + now.old_starting;
  step.at_least = now.new_ready < goal ? goal : 0;
  if (now.new_ready >= std::max(1U, goal) || (old == 0 && now.blocked)) {
    step.over = true;
    step.at_least = 0;
    return step;
  }
  if (!now.blocked || old == 0) return step;
  if (now.new_ready != 0) {
    step.share = true;
    step.end_old = 1;
  } else if (now.new_starting == 0) {
    step.end_old = 1;
  }
  return step;
}

}  // namespace tenon::scheduler
