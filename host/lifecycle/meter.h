#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "host/lifecycle/deployment.h"
#include "host/lifecycle/replica_slot.h"
#include "host/scheduler/autoscaler.h"
#include "host/scheduler/inventory.h"

namespace tenon::lifecycle {

// What is asked of a deployment, what that takes, and how many replicas it calls for. [control]
class Meter {
 public:
  using Slots = std::span<const std::shared_ptr<ReplicaSlot>>;

  void note_requests(std::uint64_t until_now, TimePoint now);
  // `ready` of the slots are for it, with so many requests in flight and waiting.
  void observe(const Scale&, const Deployment&, Slots, unsigned ready, std::uint64_t requests,
               TimePoint now);
  void scale_anew() { scaler_ = {}; }

  const scheduler::Autoscaler& scaler() const { return scaler_; }
  double rate(TimePoint when) const { return rate_.at(when); }

 private:
  double sum(ScaleMetric, const LoadGauge::Reading&, Slots, TimePoint now);

  scheduler::Autoscaler scaler_;
  scheduler::RecentRate rate_;       // of requests
  std::uint64_t requests_seen_ = 0;  // counted there already
  double used_ = 0;                  // of the metric when that is cpu or memory
  TimePoint used_when_{};
};

}  // namespace tenon::lifecycle
