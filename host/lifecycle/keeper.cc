#include "host/lifecycle/keeper.h"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/post.hpp>

#include "host/lifecycle/cold_start.h"
#include "host/scheduler/memory_limit.h"
#include "host/scheduler/scale_down.h"
#include "host/telemetry/log.h"

namespace tenon::lifecycle {
namespace {

// How long a deployment that does not fit into the host is refused before its size is looked at
// again.
constexpr std::chrono::seconds kTooLargeFor{10};
constexpr scheduler::DeviceIndex kCpu = 0;

TimePoint earlier(TimePoint a, TimePoint b) {
  if (a == TimePoint{}) return b;
  return b == TimePoint{} ? a : std::min(a, b);
}

}  // namespace

Keeper::Keeper(std::shared_ptr<Context> context, workers::ReplicaLauncher& launcher,
               KeeperOptions options)
    : context_(std::move(context)), launcher_(launcher), options_(options) {}

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
  options_.limits = limits;
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

// Room.

void Keeper::claim(Kept& k) {
  if (k.wanted_since == TimePoint{}) k.wanted_since = context_->clock.now();
  if (options_.limits.bytes != 0 && k.bytes == 0 && !k.estimated) return ask_estimate(k);
  k.claims = true;
  claims_.push_back({k.deployment().id(), next_slot_++, 0});
}

std::vector<scheduler::HeldReplica> Keeper::held() const {
  using State = scheduler::HeldReplica::State;
  std::vector<scheduler::HeldReplica> held;
  for (const auto& [id, k] : deployments_) {
    const bool waiting = k.deployment().queued() != 0 || k.rolling();
    for (const auto& slot : k.slots) {
      const std::uint64_t measured =
          slot->kept.ready && slot->attached() ? slot->replica().memory_bytes() : 0;
      const bool busy = !slot->kept.ready || waiting || slot->in_flight() != 0;
      const ReplicaSlot::Kept& t = slot->kept;
      const auto load = std::chrono::duration_cast<milliseconds>(t.became_ready - t.launched);
      held.push_back({.id = slot->id(),
                      .deployment = id,
                      .uses = {{kCpu, measured != 0 ? measured : t.predicted_bytes}},
                      .state = slot->closed() ? State::kEnding
                               : busy         ? State::kBusy
                                              : State::kIdle,
                      .placed = t.launched,
                      .idle_since = slot->idle_since(),
                      .rate = k.meter ? k.meter->rate(slot->idle_since()) : 0,
                      .reload = std::max(load, milliseconds(0))});
    }
  }
  return held;
}

// The CPUs of this host are its only device.
scheduler::Inventory Keeper::inventory(const std::vector<scheduler::HeldReplica>& held) const {
  scheduler::Inventory inventory({{.name = "cpu",
                                   .flavor = {FlavorType::kCpu, "x86"},
                                   .bytes = options_.limits.bytes,
                                   .replicas = options_.limits.replicas,
                                   .threads = options_.threads}});
  for (const auto& [id, k] : deployments_) {
    if (!k.removed && !k.off && !k.slots.empty()) inventory.set_minimum(id, k.scale().min_replicas);
  }
  for (const scheduler::HeldReplica& r : held) inventory.add(r);
  return inventory;
}

void Keeper::make_go(const std::vector<std::uint64_t>& victims) {
  for (const std::uint64_t victim : victims) {
    for (auto& [id, k] : deployments_) {
      const auto slot = std::ranges::find(k.slots, victim, &ReplicaSlot::id);
      if (slot != k.slots.end() && (*slot)->close_if_idle()) evict(k, **slot);
    }
  }
}

// Twice, because a replica may have become idle before it was told to say so.
void Keeper::settle_claims() {
  if (settle_once()) settle_once();
}

// True when a replica became idle meanwhile.
bool Keeper::settle_once() {
  std::erase_if(claims_, [this](const WaitingClaim& c) {
    const auto found = deployments_.find(c.deployment);
    if (found == deployments_.end()) return true;
    Kept& k = found->second;
    if (lacks(k) && may_start(k)) return false;
    k.claims = false;
    k.wanted_since = {};
    refresh(k);
    return true;
  });
  if (claims_.empty() || stopping_) return false;

  std::vector<scheduler::Claim> claims;
  for (const WaitingClaim& c : claims_) {
    claims.push_back({.id = c.slot,
                      .deployment = c.deployment,
                      .host_bytes = deployments_.at(c.deployment).bytes,
                      .overtaken = c.overtaken});
  }
  for (auto& [id, k] : deployments_) {
    if (!k.meter || k.slots.empty()) continue;
    const TimePoint now = context_->clock.now();
    k.meter->note_requests(k.deployment().load(now).requests, now);
  }
  const std::vector<scheduler::HeldReplica> before = held();
  scheduler::Inventory ledger = inventory(before);
  const scheduler::Plan plan = scheduler::settle(ledger, claims);

  for (const scheduler::Decision& d : plan.decisions) make_go(d.end);
  std::vector<WaitingClaim> waiting;
  for (std::size_t i = 0; i < plan.decisions.size(); ++i) {
    WaitingClaim c = claims_[i];
    Kept& k = deployments_.at(c.deployment);
    k.claims = false;
    switch (plan.decisions[i].verdict) {
      case scheduler::Verdict::kStart:
        launch(k, c.slot);
        break;
      case scheduler::Verdict::kNever:
        refuse_too_large(k);
        break;
      case scheduler::Verdict::kWait:
      case scheduler::Verdict::kBehind:
        roll(k, true);  // its own earlier revision makes room first
        [[fallthrough]];
      case scheduler::Verdict::kRoomComing:
        c.overtaken += plan.overtaken[i];
        k.claims = true;
        waiting.push_back(c);
    }
    refresh(k);
  }
  claims_ = std::move(waiting);
  if (claims_.empty()) return false;

  for (const auto& [id, k] : deployments_) {
    for (const auto& slot : k.slots) slot->watch();
  }
  const std::vector<scheduler::HeldReplica> after = held();
  return std::ranges::any_of(after, [&](const scheduler::HeldReplica& r) {
    const auto was = std::ranges::find(before, r.id, &scheduler::HeldReplica::id);
    return r.state == scheduler::HeldReplica::State::kIdle && was != before.end() &&
           was->state == scheduler::HeldReplica::State::kBusy;
  });
}

void Keeper::refuse_too_large(Kept& k) {
  const Refusal refusal = too_large(k.deployment().key(), k.bytes, options_.limits.bytes);
  const TimePoint until = context_->clock.now() + kTooLargeFor;
  k.restarts.not_before = until;
  k.wanted_since = {};
  k.bytes = 0;
  k.estimated = false;
  k.deployment().change_view(
      [&](Deployment::View& view) { view.last_error = refusal.error.message; });
  if (revision_failed(k, refusal.error.message)) return;
  const Kept::Count have = k.count();
  if (have.have() + have.old() != 0) return;
  step(k, Turn::kFail);
  k.deployment().shut_gate(refusal, until);
  k.deployment().fail_waiting(refusal);
}

namespace {

workers::ReplicaSpec replica_spec(const Revision& revision, const Terms& terms) {
  const DeploymentSpec& d = revision.spec();
  workers::ReplicaSpec spec;
  spec.deployment = to_string(d.key);
  spec.plugin = revision.plugin();
  spec.grant = revision.grant();
  spec.isolation = d.isolation;
  spec.model_name = d.key.model;
  spec.model_path = d.model_path;
  spec.options = revision.options();
  spec.environment = d.environment;
  for (const auto& [name, value] : d.environment) {
    if (std::ranges::find(d.secrets, name) != d.secrets.end()) spec.secrets.push_back(value);
  }
  spec.lease.flavor = flavor_of(d, terms).value_or("");
  return spec;
}

}  // namespace

void Keeper::ask_estimate(Kept& k) {
  if (k.asking_estimate) return;
  k.asking_estimate = true;
  launcher_.estimate(replica_spec(*k.revision, k.wanted->terms()),
                     [this, alive = std::weak_ptr(alive_),
                      revision = k.revision](const Result<workers::Estimate>& estimate) {
                       if (alive.expired()) return;
                       Kept* kept = find(revision->deployment());
                       if (!kept || kept->revision != revision) return;
                       kept->asking_estimate = false;
                       kept->estimated = true;
                       // A plugin that cannot tell is measured once it is ready; a folder that is
                       // wrong is told of by the load, in full.
                       if (estimate) {
                         kept->bytes = estimate->host_bytes;
                         kept->estimated_bytes = estimate->host_bytes + estimate->mapped_bytes;
                         kept->threads = estimate->threads;
                       }
                       revision->deployment().nudge();
                     });
}

void Keeper::launch(Kept& k, std::uint64_t id) {
  const TimePoint now = context_->clock.now();
  Deployment& deployment = k.deployment();
  auto slot = std::make_shared<ReplicaSlot>(id, k.revision->shared_deployment(), k.revision, *this);
  const TimePoint waiting = deployment.take_waiting_since();
  slot->kept.decided = std::exchange(k.wanted_since, TimePoint{});
  slot->kept.waiting_since = waiting == TimePoint{} ? slot->kept.decided : waiting;
  slot->kept.launched = slot->kept.progressed = now;
  slot->kept.predicted_bytes = k.bytes;
  k.slots.push_back(slot);
  if (!k.ever_ready) step(k, Turn::kFirstLoad);
  deployment.change_view([](Deployment::View& view) { view.progress = {0, "fork"}; });

  workers::ReplicaSpec spec = replica_spec(*k.revision, k.wanted->terms());
  spec.lease.threads = k.threads == 0 ? options_.threads : std::min(k.threads, options_.threads);
  slot->kept.threads = spec.lease.threads;
  const std::uint64_t expected = k.estimated_bytes == 0 ? 0 : std::max(k.estimated_bytes, k.bytes);
  spec.lease.memory_bytes =
      scheduler::memory_limit({k.revision->spec().limits.memory, expected, options_.limits.bytes});
  spec.lease.estimated_bytes = k.estimated_bytes;
  slot->kept.flavor = spec.lease.flavor;
  slot->note_memory(k.bytes);
  slot->begin_use();
  slot->attach(launcher_.launch(spec, *slot));
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
  if (const std::uint64_t bytes = slot.replica().memory_bytes(); bytes != 0) k->bytes = bytes;
  slot.note_memory(k->bytes);
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
  slot.deployment().change_view(
      [&](Deployment::View& view) { view.last_cold_start = std::move(cold); });
  refresh(*k);
}

void Keeper::on_gone(const std::shared_ptr<ReplicaSlot>& slot, const workers::Gone& gone) {
  Deployment& deployment = slot->deployment();
  slot->end_use();
  slot->forget_keeper();
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
      if (const std::uint64_t bytes = slot.replica().memory_bytes(); bytes != 0) k.bytes = bytes;
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
    if (slot->kept.ready && slot->attached()) slot->note_memory(slot->replica().memory_bytes());
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
