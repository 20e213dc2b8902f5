// The part of the keeper that finds room for replicas and starts them there.

#include <fmt/format.h>

#include <algorithm>

#include "host/lifecycle/keeper.h"
#include "host/scheduler/memory_limit.h"

namespace tenon::lifecycle {
namespace {

using scheduler::Verdict;

// How long a deployment that has no place on this machine is refused before that is looked at
// again.
constexpr std::chrono::seconds kUnplacedFor{10};

bool needs_gpus(const Revision& revision) {
  const std::vector<std::string>& flavors = revision.spec().flavors;
  return !flavors.empty() && flavors.front().starts_with("gpu/");
}

workers::ReplicaSpec replica_spec(const Revision& revision) {
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
  return spec;
}

scheduler::Claim claim_of(const Kept& k, std::uint64_t id, unsigned overtaken) {
  const DeploymentSpec& spec = k.revision->spec();
  const auto flavors = flavors_of(spec, k.wanted->terms());
  return {.id = id,
          .deployment = k.deployment().id(),
          .flavors = flavors.value_or(std::vector<Flavor>()),
          .allowed_here = flavors.has_value(),
          .host_bytes = k.bytes,
          .device_bytes = spec.limits.device_memory ? spec.limits.device_memory : k.device_bytes,
          .devices = spec.devices_per_replica,
          .overtaken = overtaken};
}

// What this machine has no place for, as it is.
Refusal refusal_of(const DeploymentKey& key, std::span<const scheduler::Rejection> rejected) {
  using Why = scheduler::Rejection::Why;
  const std::string why = scheduler::explain(rejected);
  const auto is = [](Why reason) {
    return [reason](const scheduler::Rejection& r) { return r.why == reason; };
  };
  if (std::ranges::any_of(rejected, is(Why::kOutOfUse))) return devices_out_of_use(key, why);
  return std::ranges::all_of(rejected, is(Why::kNoSuchDevice)) ? no_such_device(key, why)
                                                               : too_large(key, why);
}

}  // namespace

void Keeper::claim(Kept& k) {
  if (k.wanted_since == TimePoint{}) k.wanted_since = context_->clock.now();
  const bool unknown = (ledger_.limits().bytes != 0 && k.bytes == 0) ||
                       (needs_gpus(*k.revision) && k.device_bytes == 0);
  if (unknown && !k.estimated) return ask_estimate(k);
  k.claims = true;
  claims_.push_back({k.deployment().id(), next_slot_++, 0});
}

void Keeper::ask_estimate(Kept& k) {
  if (k.asking_estimate) return;
  k.asking_estimate = true;
  launcher_.estimate(replica_spec(*k.revision),
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
                         kept->device_bytes = estimate->device_bytes;
                         kept->threads = estimate->threads;
                       }
                       revision->deployment().nudge();
                     });
}

std::vector<scheduler::HeldReplica> Keeper::held() const {
  using State = scheduler::HeldReplica::State;
  std::vector<scheduler::HeldReplica> held;
  for (const auto& [id, k] : deployments_) {
    const bool waiting = k.deployment().queued() != 0 || k.rolling();
    for (const auto& slot : k.slots) {
      const HeldLease* lease = ledger_.find(slot->id());
      if (!lease) continue;
      const bool busy = !slot->kept.ready || waiting || slot->in_flight() != 0;
      const ReplicaSlot::Kept& t = slot->kept;
      const auto load = std::chrono::duration_cast<milliseconds>(t.became_ready - t.launched);
      held.push_back({.id = slot->id(),
                      .deployment = id,
                      .uses = ledger_.uses(*lease),
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

scheduler::Inventory Keeper::inventory(const std::vector<scheduler::HeldReplica>& held) const {
  scheduler::Inventory inventory = ledger_.inventory();
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

// Those that are wanted no more go.
void Keeper::sift_claims() {
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
}

// Those that can be decided, out of all that wait; no GPU is given out while it is not known which
// there are.
std::vector<Keeper::WaitingClaim> Keeper::decidable() {
  const std::optional<std::string> unknown = ledger_.gpus_unknown();
  std::vector<WaitingClaim> out;
  std::erase_if(claims_, [&](const WaitingClaim& c) {
    Kept& k = deployments_.at(c.deployment);
    if (unknown && needs_gpus(*k.revision)) {
      show_placement(k, "waits until the GPUs are known: " + *unknown);
      return false;
    }
    out.push_back(c);
    return true;
  });
  return out;
}

// True when a replica became idle meanwhile.
bool Keeper::settle_once() {
  sift_claims();
  if (claims_.empty() || stopping_) return false;
  const std::vector<WaitingClaim> decided = decidable();
  std::vector<scheduler::Claim> claims;
  for (const WaitingClaim& c : decided) {
    claims.push_back(claim_of(deployments_.at(c.deployment), c.slot, c.overtaken));
  }
  for (auto& [id, k] : deployments_) {
    if (!k.meter || k.slots.empty()) continue;
    const TimePoint now = context_->clock.now();
    k.meter->note_requests(k.deployment().load(now).requests, now);
  }
  const std::vector<scheduler::HeldReplica> before = held();
  scheduler::Inventory inventory = this->inventory(before);
  const scheduler::Plan plan = scheduler::settle(inventory, claims);

  for (const scheduler::Decision& d : plan.decisions) make_go(d.end);
  for (std::size_t i = 0; i < decided.size(); ++i) {
    WaitingClaim c = decided[i];
    c.overtaken += plan.overtaken[i];
    Kept& k = deployments_.at(c.deployment);
    k.claims = false;
    show_placement(k, scheduler::explain(plan.decisions[i], inventory));
    follow(k, c, plan.decisions[i]);
    refresh(k);
  }
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

void Keeper::follow(Kept& k, const WaitingClaim& claim, const scheduler::Decision& decision) {
  switch (decision.verdict) {
    case Verdict::kStart:
      return launch(k, claim.slot, decision);
    case Verdict::kNever:
      return refuse_unplaced(k, decision);
    case Verdict::kWait:
    case Verdict::kBehind:
      roll(k, true);  // its own earlier revision makes room first
      [[fallthrough]];
    case Verdict::kRoomComing:
      k.claims = true;
      claims_.push_back(claim);
  }
}

void Keeper::refuse_unplaced(Kept& k, const scheduler::Decision& decision) {
  const Refusal refusal = refusal_of(k.deployment().key(), decision.rejected);
  const TimePoint until = context_->clock.now() + kUnplacedFor;
  k.restarts.not_before = until;
  k.unplaced = true;
  k.wanted_since = {};
  k.bytes = k.device_bytes = 0;
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

void Keeper::show_placement(Kept& k, std::string words) {
  k.deployment().change_view([&](Deployment::View& view) {
    if (view.placement && *view.placement == words) return;
    view.placement = std::make_unique<std::string>(std::move(words));
  });
}

void Keeper::launch(Kept& k, std::uint64_t id, const scheduler::Decision& decision) {
  const TimePoint now = context_->clock.now();
  Deployment& deployment = k.deployment();
  auto slot = std::make_shared<ReplicaSlot>(id, k.revision->shared_deployment(), k.revision, *this);
  const TimePoint waiting = deployment.take_waiting_since();
  slot->kept.decided = std::exchange(k.wanted_since, TimePoint{});
  slot->kept.waiting_since = waiting == TimePoint{} ? slot->kept.decided : waiting;
  slot->kept.launched = slot->kept.progressed = now;
  k.slots.push_back(slot);
  k.unplaced = false;
  if (!k.ever_ready) step(k, Turn::kFirstLoad);
  deployment.change_view([](Deployment::View& view) { view.progress = {0, "fork"}; });

  workers::ReplicaSpec spec = replica_spec(*k.revision);
  spec.lease = ledger_.lease(decision, k.threads);
  const std::uint64_t expected = k.estimated_bytes == 0 ? 0 : std::max(k.estimated_bytes, k.bytes);
  spec.lease.memory_bytes =
      scheduler::memory_limit({k.revision->spec().limits.memory, expected, ledger_.limits().bytes});
  spec.lease.estimated_bytes = k.estimated_bytes;
  slot->kept.threads = spec.lease.threads;
  slot->kept.flavor = spec.lease.flavor;
  ledger_.book({.replica = id,
                .deployment = deployment.key(),
                .revision = k.revision->number(),
                .lease = spec.lease,
                .predicted_bytes = k.bytes,
                .since = context_->clock.wall()});
  if (options_.devices_held) options_.devices_held(ledger_.devices_held());
  note_memory(*slot);
  slot->begin_use();
  slot->attach(launcher_.launch(spec, *slot));
}

void Keeper::give_back(const ReplicaSlot& slot) {
  ledger_.give_back(slot.id());
  if (options_.devices_held) options_.devices_held(ledger_.devices_held());
}

// Of its devices where it has some, else of the host.
void Keeper::note_memory(ReplicaSlot& slot) {
  const HeldLease* held = ledger_.find(slot.id());
  if (!held) return;
  slot.note_memory(held->lease.devices.empty() ? held->host_bytes() : held->device_bytes());
}

// For the next one: what this replica was measured to need.
void Keeper::learn_memory(Kept& k, ReplicaSlot& slot) {
  const HeldLease* held = ledger_.find(slot.id());
  if (const std::uint64_t bytes = slot.replica().memory_bytes(); bytes != 0) k.bytes = bytes;
  std::uint64_t most = 0;
  for (std::size_t i = 0; held && i < held->lease.devices.size(); ++i) {
    most = std::max(most, slot.replica().device_bytes(i));
  }
  if (most != 0) k.device_bytes = most;
  note_memory(slot);
}

void Keeper::set_gpus(devices::Gpus gpus) {
  const bool changed = ledger_.set_gpus(std::move(gpus));
  for (auto& [id, k] : deployments_) {
    retire_troubled(k);
    if (!changed || !k.unplaced || k.off) continue;
    k.unplaced = false;
    k.restarts = {};
    k.deployment().open_gate();
    k.deployment().nudge();
  }
  if (changed) settle_claims();
}

// On another device its deployment is served again, when it is asked for.
void Keeper::retire_troubled(Kept& k) {
  for (const auto& slot : k.slots) {
    const HeldLease* held = slot->closed() ? nullptr : ledger_.find(slot->id());
    const std::optional<std::string> trouble = held ? ledger_.trouble(*held) : std::nullopt;
    if (!trouble) continue;
    k.deployment().record(LifeEvent::Type::kDevice, slot->number(), "a replica ends: " + *trouble);
    end(k, *slot, options_.drain);
    k.deployment().nudge();
  }
}

}  // namespace tenon::lifecycle
