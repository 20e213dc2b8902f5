#include "host/lifecycle/replica_slot.h"

#include <boost/asio/post.hpp>

#include "host/lifecycle/deployment.h"
#include "host/lifecycle/keeper.h"
#include "host/lifecycle/lane.h"

namespace tenon::lifecycle {

ReplicaSlot::ReplicaSlot(std::uint64_t id, std::shared_ptr<Deployment> deployment,
                         std::shared_ptr<const Revision> revision, Keeper& keeper)
    : id_(id),
      deployment_(std::move(deployment)),
      revision_(std::move(revision)),
      number_(revision_->number()),
      keeper_(&keeper),
      idle_since_(deployment_->context().clock.now().time_since_epoch().count()) {}

std::uint32_t ReplicaSlot::enter(bool passive) {
  const std::uint64_t one = passive ? kPassive : 1;
  const std::uint64_t before = word_.fetch_add(one);
  if (before & kClosed) {
    word_.fetch_sub(one);
    return 0;
  }
  return static_cast<std::uint32_t>((before & kWork) + 1);
}

void ReplicaSlot::leave(bool passive) {
  if (passive) {
    word_.fetch_sub(kPassive);
    return;
  }
  const Clock& clock = deployment_->context().clock;
  // Written before the count falls, so that whoever sees 0 sees since when.
  const bool last = (word_.load(std::memory_order_relaxed) & kWork) == 1;
  if (last) note_idle(clock.now());
  if (((word_.fetch_sub(1) - 1) & kWork) != 0) return;
  if (!last) note_idle(clock.now());
  if (watched_.load() && watched_.exchange(false)) deployment_->nudge();
}

void ReplicaSlot::note_answer() {
  if (answered() || answered_.exchange(true)) return;
  boost::asio::post(deployment_->context().loops.control(),
                    [self = shared_from_this(), now = deployment_->context().clock.now()] {
                      if (self->keeper_) self->keeper_->on_first_answer(*self, now);
                    });
}

void ReplicaSlot::note_served(const workers::Usage& usage) {
  if (metering::ReplicaMeter* meter = meter_.load(std::memory_order_acquire)) {
    meter->request_finished({usage.input_tokens, usage.output_tokens});
  }
}

void ReplicaSlot::number(std::uint64_t n) {
  if (number_.exchange(n, std::memory_order_relaxed) == n || meters_.empty()) return;
  end_use();
  begin_use();
}

void ReplicaSlot::begin_use() {
  metering::Meter* meter = deployment_->context().meter;
  if (!meter) return;
  const Flavor flavor = parse_flavor(kept.flavor).value_or(Flavor{FlavorType::kCpu, "x86"});
  meters_.push_back(meter->replica_started(deployment_->key(), number(), flavor, memory_));
  meter_.store(meters_.back().get(), std::memory_order_release);
}

void ReplicaSlot::end_use() {
  if (!meters_.empty()) meters_.back()->ended();
}

void ReplicaSlot::note_memory(std::uint64_t bytes) {
  if (bytes == 0 || std::exchange(memory_, bytes) == bytes || meters_.empty()) return;
  meters_.back()->resized(bytes);
}

bool ReplicaSlot::close_if_idle() {
  std::uint64_t word = word_.load();
  while ((word & (kClosed | kWork)) == 0) {
    if (word_.compare_exchange_weak(word, word | kClosed)) return true;
  }
  return false;
}

void ReplicaSlot::on_progress(double done, std::string_view what) {
  if (keeper_) keeper_->on_progress(*this, done, what);
}

// A launcher may report before launch() has returned; what it reports is then seen a turn later.
void ReplicaSlot::on_ready(const workers::StartTimes& times) {
  if (attached()) {
    if (keeper_) keeper_->on_ready(*this, times);
    return;
  }
  boost::asio::post(deployment_->context().loops.control(), [self = shared_from_this(), times] {
    if (self->keeper_ && self->attached()) self->keeper_->on_ready(*self, times);
  });
}

void ReplicaSlot::on_gone(const workers::Gone& gone) {
  boost::asio::post(deployment_->context().loops.control(), [self = shared_from_this(), gone] {
    if (self->keeper_) self->keeper_->on_gone(self, gone);
  });
}

void ReplicaSlot::on_room(unsigned loop) {
  if (Lane* lane = deployment_->lane_if_any(loop)) lane->on_room(*this);
}

}  // namespace tenon::lifecycle
