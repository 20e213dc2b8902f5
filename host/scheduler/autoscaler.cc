#include "host/scheduler/autoscaler.h"

#include <algorithm>
#include <cmath>

namespace tenon::scheduler {
namespace {

unsigned most(const Scale& scale) {
  return std::max(1U, scale.max_replicas);
}

// What stands whatever the metric says, once one stands.
unsigned floor_of(const Scale& scale) {
  return std::clamp(scale.min_replicas, 1U, most(scale));
}

std::uint64_t replicas_for(double load, const Scale& scale) {
  const double replicas = load / std::max(1U, scale.target);
  return static_cast<std::uint64_t>(std::ceil(std::clamp(replicas - 1e-6, 0.0, 1e9)));
}

bool panics(const Scale& scale) {
  return scale.metric == ScaleMetric::kConcurrency || scale.metric == ScaleMetric::kRps;
}

}  // namespace

unsigned Autoscaler::wanted(const Scale& scale, unsigned ready, std::uint64_t requests) const {
  const unsigned least = std::min(scale.min_replicas, most(scale));
  std::uint64_t wanted = wanted_;
  if (ready == 0) wanted = requests == 0 ? 0 : std::max(1U, scale.scale_up_minimum);
  return static_cast<unsigned>(std::clamp<std::uint64_t>(wanted, least, most(scale)));
}

unsigned Autoscaler::tell_above(const Scale& scale, unsigned ready) const {
  if (floor_of(scale) == most(scale)) return ~0U;
  if (scale.metric != ScaleMetric::kConcurrency) return next_ ? ~0U : 0;
  const std::uint64_t threshold = std::uint64_t(kPanicThreshold) * ready - 1;
  return next_ ? static_cast<unsigned>(threshold * scale.target / std::max(1U, ready))
               : scale.target;
}

void Autoscaler::observe(const Scale& scale, const Reading& r, TimePoint now) {
  if (r.ready == 0) {
    *this = {};
    activating_ = r.requests != 0 && scale.scale_up_minimum > 1;
    return;
  }
  if (r.ready >= std::min(scale.scale_up_minimum, most(scale))) activating_ = false;
  if (floor_of(scale) == most(scale)) {
    *this = {};
    return;
  }
  if (!average_) {
    wanted_ = activating_ ? scale.scale_up_minimum : 1;
    if (r.requests == 0 && r.ready <= floor_of(scale)) return;
    average_.emplace(scale.stable_window, now, r.sum);
    next_ = now + std::min(kScaleStep, scale.stable_window);
    wanted_ = std::max<std::uint64_t>(r.ready, wanted_);
  }
  if (scale.metric == ScaleMetric::kConcurrency) {
    const std::uint64_t at_once = replicas_for(static_cast<double>(r.requests), scale);
    if (at_once >= std::uint64_t(kPanicThreshold) * r.ready && at_once > wanted_) {
      panic(at_once, now);
      decide(scale, std::min(panic_most_, std::uint64_t(kMostUp) * r.ready), now);
    }
  }
  if (now >= *next_) step(scale, r, now);
}

void Autoscaler::panic(std::uint64_t replicas, TimePoint now) {
  panicked_ = now;
  panic_most_ = std::max(panic_most_, replicas);
}

void Autoscaler::step(const Scale& scale, const Reading& r, TimePoint now) {
  next_ = now + std::min(kScaleStep, scale.stable_window);
  average_->read(now, r.sum);
  const double stable_load = average_->over(SlidingAverage::kQuanta);
  const auto bounded = [&](double load) {
    return std::clamp<std::uint64_t>(replicas_for(load, scale), r.ready / kMostDown,
                                     std::uint64_t(kMostUp) * r.ready);
  };
  const std::uint64_t stable = bounded(stable_load);
  const std::uint64_t recent = bounded(average_->over(kPanicQuanta));
  if (panics(scale) && recent >= std::uint64_t(kPanicThreshold) * r.ready) {
    panic(recent, now);
  } else if (panicked_ && now >= *panicked_ + scale.stable_window) {
    panicked_.reset();
    panic_most_ = 0;
  }
  std::uint64_t wanted = panicked_ ? std::max(panic_most_, recent) : stable;
  if (activating_) wanted = std::max<std::uint64_t>(wanted, scale.scale_up_minimum);
  decide(scale, wanted, now);
  // Nothing more than must stand, and nothing asked for: no need to look.
  const bool level = scale.metric == ScaleMetric::kMemory || stable_load == 0;
  if (r.ready <= floor_of(scale) && wanted_ <= r.ready && r.requests == 0 && level) {
    const bool was = activating_;
    *this = {};
    activating_ = was;
  }
}

void Autoscaler::decide(const Scale& scale, std::uint64_t replicas, TimePoint now) {
  replicas = std::max<std::uint64_t>(1, replicas);
  while (!delayed_.empty() && delayed_.back().second <= replicas) delayed_.pop_back();
  delayed_.emplace_back(now, replicas);
  while (delayed_.front().first + scale.scale_down_delay < now) delayed_.erase(delayed_.begin());
  wanted_ = delayed_.front().second;
}

}  // namespace tenon::scheduler
