#include "host/lifecycle/cold_start.h"

#include "host/telemetry/log.h"

namespace tenon::lifecycle {

ColdStart note_cold_start(ReplicaSlot& slot, TimePoint when) {
  const ReplicaSlot::Kept& t = slot.kept;
  ColdStart cold;
  // In the order of telemetry::Stage; nothing is uploaded to a CPU.
  const std::chrono::nanoseconds stages[telemetry::kStages] = {t.decided - t.waiting_since,
                                                               t.launched - t.decided,
                                                               t.times.fork,
                                                               t.times.prepare,
                                                               t.times.map,
                                                               std::chrono::nanoseconds(0),
                                                               when - t.became_ready};
  for (std::size_t i = 0; i < telemetry::kStages; ++i) {
    cold.stages.emplace_back(telemetry::to_string(static_cast<telemetry::Stage>(i)), stages[i]);
  }
  cold.total = when - t.waiting_since;
  cold.when = slot.deployment().context().clock.wall();
  cold.from_template = t.times.from_template;
  telemetry::DeploymentMetrics& metrics = slot.deployment().metrics();
  for (std::size_t i = 0; i < cold.stages.size(); ++i) {
    metrics.cold_start(static_cast<telemetry::Stage>(i), cold.stages[i].second);
  }
  log::info("cold start",
            {{"deployment", to_string(slot.deployment().key())},
             {"totalMs", std::chrono::duration<double, std::milli>(cold.total).count()},
             {"fromTemplate", cold.from_template}});
  return cold;
}

}  // namespace tenon::lifecycle
