#include "host/lifecycle/meter.h"

#include <algorithm>
#include <utility>

namespace tenon::lifecycle {

void Meter::note_requests(std::uint64_t until_now, TimePoint now) {
  rate_.add(static_cast<double>(until_now - requests_seen_), now);
  requests_seen_ = until_now;
}

void Meter::observe(const Scale& scale, const Deployment& deployment, Slots slots, unsigned ready,
                    std::uint64_t requests, TimePoint now) {
  const LoadGauge::Reading load = deployment.load(now);
  note_requests(load.requests, now);
  scaler_.observe(scale, {ready, requests, sum(scale.metric, load, slots, now)}, now);
}

double Meter::sum(ScaleMetric metric, const LoadGauge::Reading& load, Slots slots, TimePoint now) {
  if (metric == ScaleMetric::kConcurrency) return load.request_seconds;
  if (metric == ScaleMetric::kRps) return static_cast<double>(load.requests);
  using Seconds = std::chrono::duration<double>;
  const Seconds since = used_when_ == TimePoint{} ? Seconds(0) : now - used_when_;
  used_when_ = now;
  for (const auto& slot : slots) {
    if (!slot->kept.ready || slot->closed()) continue;
    if (metric == ScaleMetric::kMemory) {
      constexpr double kMebibyte = 1 << 20;
      used_ += static_cast<double>(slot->replica().memory_bytes()) / kMebibyte * since.count();
      continue;
    }
    const std::chrono::nanoseconds cpu = slot->replica().cpu_time();
    used_ += 100 * Seconds(cpu - std::exchange(slot->kept.cpu_seen, cpu)).count() /
             std::max(1U, slot->kept.threads);
  }
  return used_;
}

}  // namespace tenon::lifecycle
