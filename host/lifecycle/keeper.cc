#include "host/lifecycle/keeper.h"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/post.hpp>

#include "host/lifecycle/cold_start.h"
#include "host/scheduler/scale_down.h"
#include "host/telemetry/log.h"

namespace tenon::lifecycle {
namespace {

TimePoint earlier(TimePoint a, TimePoint b) {
  if (a == TimePoint{}) return b;
  return b == TimePoint{} ? a : std::min(a, b);
}

}  // namespace

Keeper::Keeper(std::shared_ptr<Context> context, workers::ReplicaLauncher& launcher,
               KeeperOptions options)
    : context_(std::move(context)),
      launcher_(launcher),
      options_(std::move(options)),
      ledger_(options_.cpus, options_.limits) {}

Keeper::~Keeper() {
  for (auto& [id, k] : deployments_) {
    for (const auto& slot : k.slots) slot->forget_keeper();
    k.deployment().forget_canary();
  }
}

Kept* Keeper::find(const Deployment& deployment) {
  const auto found = deployments_.find(deployment.id());
  return found == deployments_.end() ? nullptr : &found->second;
}

void Keeper::set_limits(const RoomLimits& limits, milliseconds drain) {
  ledger_.set_limits(limits);
  options_.drain = drain;
  settle_claims();
}

void Keeper::shutdown(milliseconds grace, std::move_only_function<void()> done) {
  stopping_ = true;
  stopped_ = std::move(done);
  alarm_.reset();
  claims_.clear();
  bool none = true;
  for (auto& [id, k] : deployments_) {
    k.deployment().shut_gate(stopping(), TimePoint::max());
    k.deployment().fail_waiting(stopping());
    for (const auto& slot : k.slots) end(k, *slot, grace), none = false;
  }
  if (none && stopped_) boost::asio::post(context_->loops.control(), std::move(stopped_));
}

// What there is, and what there should be.

unsigned Keeper::desired(const Kept& k, const Kept::Count& have) const {
  return std::max(k.at_least, scaler(k).wanted(k.scale(), have.ready,
                                               have.in_flight + k.deployment().queued()));
}

const scheduler::Autoscaler& Keeper::scaler(const Kept& k) {
  static const scheduler::Autoscaler kNeverAsked;
  return k.meter ? k.meter->scaler() : kNeverAsked;
}

void Keeper::measure(Kept& k) {
  const Kept::Count have = k.count();
  const std::uint64_t requests = have.in_flight + k.deployment().queued();
  if (!k.meter && have.ready == 0 && requests == 0) return;
  if (!k.meter) k.meter = std::make_unique<Meter>();
  k.meter->observe(k.scale(), k.deployment(), k.slots, have.ready, requests, context_->clock.now());
}

bool Keeper::lacks(const Kept& k) const {
  const Kept::Count have = k.count();
  return !k.removed && !k.off && !stopping_ && have.have() < desired(k, have);
}

bool Keeper::may_start(const Kept& k) const {
  return context_->clock.now() >= k.restarts.not_before;
}

void Keeper::consider(Deployment& deployment) {
  deployment.forget_nudge();
  Kept* k = find(deployment);
  if (!k || k->removed || k->off || stopping_) return;
  if (deployment.queued() == 0) deployment.take_waiting_since();
  give_up_stuck_loads(*k);
  measure(*k);
  roll(*k, false);
  scale_down(*k);
  while (!k->claims && lacks(*k) && may_start(*k)) {
    claim(*k);
    if (!k->claims) break;  // its estimate is under way
    settle_claims();
  }
  if (!claims_.empty()) settle_claims();
  refresh(*k);
}

void Keeper::give_up_stuck_loads(Kept& k) {
  const milliseconds timeout = k.revision->spec().limits.load_timeout;
  for (const auto& slot : k.slots) {
    if (slot->kept.ready || slot->closed()) continue;
    if (context_->clock.now() < slot->kept.progressed + timeout) continue;
    end(k, *slot, milliseconds(0));
    note_failure(k, *slot,
                 {workers::Gone::Kind::kLoadFailed,
                  {Code::kDeadline,
                   fmt::format("loading made no progress for {} ms", timeout.count()), true}});
  }
}

void Keeper::scale_down(Kept& k) {
  const TimePoint now = context_->clock.now();
  Deployment& deployment = k.deployment();
  const bool waiting = deployment.queued() != 0;
  std::vector<std::shared_ptr<ReplicaSlot>> slots;
  for (const auto& slot : k.slots) {
    if (slot->kept.ready && !slot->closed() && !k.is_old(*slot)) slots.push_back(slot);
  }
  k.idle_check = {};
  if (k.rolling() || slots.size() <= k.scale().min_replicas) return;
  std::vector<scheduler::ReadyReplica> ready;
  for (const auto& slot : slots) {
    // A busy one says when it becomes idle; it may have done so just before it was told to.
    const bool busy = slot->in_flight() != 0 || waiting;
    if (busy) slot->watch();
    if (busy && slot->in_flight() == 0 && !waiting) deployment.nudge();
    ready.push_back({slot->id(), slot->in_flight(), slot->idle_since()});
  }
  if (waiting) return;
  const scheduler::ScaleDownPlan plan =
      scheduler::plan_scale_down(k.scale(), ready, desired(k, k.count()), now);
  for (const auto& slot : slots) {
    if (std::ranges::find(plan.end, slot->id()) == plan.end.end()) continue;
    const bool idle = slot->in_flight() == 0;
    if (!idle || slot->close_if_idle()) end(k, *slot, options_.drain);
  }
  if (plan.check_at) k.idle_check = *plan.check_at;
}

// What replicas report.

void Keeper::on_progress(ReplicaSlot& slot, double done, std::string_view what) {
  slot.kept.progressed = context_->clock.now();
  slot.deployment().change_view(
      [&](Deployment::View& view) { view.progress = {done, std::string(what)}; });
}

void Keeper::on_ready(ReplicaSlot& slot, const workers::StartTimes& times) {
  Kept* k = find(slot.deployment());
  if (!k || slot.closed()) return;
  slot.kept.ready = true;
  slot.kept.times = times;
  slot.kept.became_ready = context_->clock.now();
  slot.note_idle(slot.kept.became_ready);
  ledger_.note_ready(slot.id(), slot.shared_replica());
  learn_memory(*k, slot);
  slot.deployment().open_gate();
  log::info("replica ready", {{"deployment", to_string(slot.deployment().key())},
                              {"pid", slot.replica().pid()},
                              {"fromTemplate", times.from_template}});
  k->ever_ready = true;
  step(*k, Turn::kReady);
  note_ready(*k, slot);
  publish(*k);
  consider(slot.deployment());
}

void Keeper::on_first_answer(ReplicaSlot& slot, TimePoint when) {
  Kept* k = find(slot.deployment());
  if (!k) return;
  k->restarts = {};
  ColdStart cold = note_cold_start(slot, when);
  slot.deployment().change_view([&](Deployment::View& view) {
    view.last_cold_start = std::make_unique<ColdStart>(std::move(cold));
  });
  refresh(*k);
  if (lacks(*k)) consider(slot.deployment());  // what was put off after a failure is not any more
}

void Keeper::on_gone(const std::shared_ptr<ReplicaSlot>& slot, const workers::Gone& gone) {
  Deployment& deployment = slot->deployment();
  slot->end_use();
  slot->forget_keeper();
  give_back(*slot);
  Kept* k = find(deployment);
  if (!k) return;
  const bool asked = slot->closed();
  slot->close();
  std::erase(k->slots, slot);
  publish(*k);
  if (k->slots.empty()) step(*k, Turn::kDrained);
  if (!asked) note_failure(*k, *slot, gone);
  if (stopping_) {
    const auto empty = [](const auto& entry) { return entry.second.slots.empty(); };
    if (stopped_ && std::ranges::all_of(deployments_, empty)) std::exchange(stopped_, {})();
    return;
  }
  if (k->removed && k->slots.empty()) {
    forget(*k);
    settle_claims();
    return;
  }
  consider(deployment);
}

void Keeper::note_failure(Kept& k, const ReplicaSlot& slot, const workers::Gone& gone) {
  Deployment& deployment = k.deployment();
  const bool loading = !slot.kept.ready;
  const scheduler::Restarts before = slot.answered() ? scheduler::Restarts{} : k.restarts;
  k.restarts = scheduler::after_failure(options_.restarts, before, context_->clock.now());
  deployment.metrics().replica_ended_badly();
  log::warn("replica failed", {{"deployment", to_string(deployment.key())},
                               {"loading", loading},
                               {"inARow", k.restarts.failures},
                               {"error", gone.error.message}});
  // Before anybody is refused for it, so that who then asks finds it in the status.
  deployment.change_view([&](Deployment::View& view) {
    view.last_error = gone.error.message;
    view.restarts = k.restarts;
  });

  deployment.record(loading ? LifeEvent::Type::kLoadFailed : LifeEvent::Type::kCrashed,
                    slot.number(), gone.error.message);
  if (k.restarts.open && !before.open) {
    deployment.record(LifeEvent::Type::kBreaker, slot.number(),
                      fmt::format("opened after {} failures in a row", k.restarts.failures));
  }
  if (k.removed || k.off || k.is_old(slot)) return;
  // A worker that was killed while it loaded is tried once more before anybody hears of it.
  const bool load_is_bad =
      loading && (gone.kind == workers::Gone::Kind::kLoadFailed || k.restarts.failures > 1);
  const bool crashes = deployment.main() && k.restarts.open;
  if (((load_is_bad && (!k.proven || k.restarts.open)) || crashes) &&
      revision_failed(k, gone.error.message)) {
    return;
  }
  const Kept::Count have = k.count();
  if (have.have() + have.old() != 0) return;
  if (!load_is_bad && !k.restarts.open) return;
  step(k, Turn::kFail);
  const Refusal failed = load_failed(deployment.key(), gone.error);
  const Refusal open = breaker_open(deployment.key(), k.restarts.failures, gone.error.message);
  deployment.shut_gate(k.restarts.open ? open : failed, k.restarts.not_before);
  deployment.fail_waiting(loading ? failed : open);
}

void Keeper::end(Kept& k, ReplicaSlot& slot, milliseconds grace) {
  log::info("replica ends", {{"deployment", to_string(k.deployment().key())},
                             {"pid", slot.attached() ? slot.replica().pid() : 0}});
  slot.close();
  if (slot.attached()) {
    if (slot.kept.ready) {
      learn_memory(k, slot);
      publish(k);
    }
    slot.replica().stop(grace);
  }
}

void Keeper::evict(Kept& k, ReplicaSlot& slot) {
  k.deployment().record(LifeEvent::Type::kEvicted, slot.number(), "made room");
  end(k, slot, options_.drain);
}

void Keeper::publish(Kept& k) {
  k.deployment().publish(k.listed());
}

// Of a deployment with its canary.
void Keeper::show_gauges(const Kept& k) {
  const Kept* main = k.deployment().main() ? find(*k.deployment().main()) : &k;
  if (!main) return;
  Kept::Count have = main->count();
  std::uint64_t bytes = main->memory_bytes();
  if (const auto canary = main->deployment().canary()) {
    if (const Kept* other = find(canary->revision->deployment())) {
      const Kept::Count more = other->count();
      have.ready += more.ready + more.old_ready;
      have.starting += more.starting;
      bytes += other->memory_bytes();
    }
  }
  main->deployment().metrics().replicas(have.ready + have.old_ready, have.starting);
  main->deployment().metrics().worker_memory(bytes);
}

void Keeper::refresh(Kept& k) {
  for (const auto& slot : k.slots) {
    note_memory(*slot);
  }
  const Kept::Count have = k.count();
  if (!k.removed && !k.off && have.starting == 0 && !lacks(k)) step(k, Turn::kStanding);
  k.deployment().change_view([&](Deployment::View& view) {
    view.starting = have.starting + (have.old_ready != 0 && !k.sharing ? have.ready : 0);
    view.restarts = k.restarts;
    view.revision = k.serving->number();
    view.next = k.serving == k.revision ? 0 : k.revision->number();
    if (have.starting == 0) view.progress = {};
  });
  show_gauges(k);
  const bool can_grow = !k.removed && !k.off && have.ready != 0 && have.starting == 0 &&
                        !k.claims && have.have() < k.scale().max_replicas;
  k.deployment().grow_above(can_grow ? scaler(k).tell_above(k.scale(), have.ready) : ~0U);

  const TimePoint next = stopping_ ? TimePoint{} : next_check(k);
  if (next == k.check_at) return;
  if (k.check_at != TimePoint{}) schedule_.erase({k.check_at, k.deployment().id()});
  if (next != TimePoint{}) schedule_.insert({next, k.deployment().id()});
  k.check_at = next;
  if (schedule_.empty()) {
    alarm_.reset();
    return;
  }
  if (!alarm_) {
    alarm_ = context_->clock.alarm(context_->loops.control(), [this] { on_alarm(); });
  }
  alarm_->set(schedule_.begin()->first);
}

TimePoint Keeper::next_check(const Kept& k) const {
  if (k.removed || k.off) return {};
  TimePoint next = earlier(k.idle_check, scaler(k).next().value_or(TimePoint{}));
  for (const auto& slot : k.slots) {
    if (slot->kept.ready || slot->closed()) continue;
    next = earlier(next, slot->kept.progressed + k.revision->spec().limits.load_timeout);
  }
  if (!may_start(k) && lacks(k)) next = earlier(next, k.restarts.not_before);
  return next;
}

void Keeper::on_alarm() {
  const TimePoint now = context_->clock.now();
  std::vector<std::shared_ptr<Deployment>> due;
  while (!schedule_.empty() && schedule_.begin()->first <= now) {
    Kept& k = deployments_.at(schedule_.begin()->second);
    k.check_at = {};
    schedule_.erase(schedule_.begin());
    due.push_back(k.revision->shared_deployment());
  }
  for (const auto& deployment : due) consider(*deployment);
  if (schedule_.empty()) {
    alarm_.reset();
  } else {
    alarm_->set(schedule_.begin()->first);
  }
}

}  // namespace tenon::lifecycle
