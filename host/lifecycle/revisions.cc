// The part of the keeper that says which revision of a deployment gets its requests.

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "host/lifecycle/keeper.h"
#include "host/scheduler/rollout.h"
#include "host/telemetry/log.h"

namespace tenon::lifecycle {

using Type = LifeEvent::Type;

void Keeper::adopt(const std::shared_ptr<const Revision>& revision,
                   const std::shared_ptr<const Canary>& canary, const Past& past) {
  Kept& k = deployments_[revision->deployment().id()];
  if (!k.revision) {
    k.proven = past.proven;
    k.previous = past.previous;
    if (past.proven) k.told_ready = revision->number();
  }
  // One that failed is not tried again because something else of it is new.
  const bool failed = k.wanted && k.wanted != k.revision &&
                      k.wanted->number() == revision->number() && k.wanted->same_worker(*revision);
  k.wanted = revision;
  if (!failed) take_revision(k, revision);
  take_terms(k);
  take_canary(k, k.off ? nullptr : canary);
  if (k.off) {
    refresh(k);
    settle_claims();
  }
  consider(k.deployment());
}

void Keeper::take_revision(Kept& k, const std::shared_ptr<const Revision>& revision) {
  const bool fresh = !k.revision;
  const bool changed = !fresh && !k.revision->same_worker(*revision);
  const bool again = !fresh && k.revision->number() != revision->number();
  const bool served = fresh || k.serving == k.revision;
  const bool back = changed && k.serving->same_worker(*revision);  // before the other was ready
  if (changed) {
    if (!served) end_those_of(k, *k.revision);
    if (served && k.proven) k.previous = k.revision;
    k.proven = k.previous && k.previous->same_worker(*revision);
    if (k.proven) k.previous.reset();
    k.forget_learned();
  }
  if (k.meter && k.scale() != revision->spec().scale) k.meter->scale_anew();
  k.revision = revision;
  if (fresh) k.serving = revision;
  if (!changed && served) serve(k);
  if (changed || again) {
    k.restarts = {};
    k.deployment().open_gate();
  }
  for (const auto& slot : k.slots) {
    if (!k.is_old(*slot)) slot->number(revision->number());
  }
  k.deployment().change_view([&](Deployment::View& view) {
    view.runtime = revision->spec().runtime;
    if (changed || again) view.last_error.reset();
    view.failed.reset();
  });
  k.scale_before = changed ? k.count().old_ready : k.scale_before;
  if (back || !k.rolling()) finish_rollout(k);
  if (!revision->terms().enabled) return;
  if (fresh || changed || again) step(k, Turn::kActivate);
  if (k.serving == revision && k.proven) tell_ready(k);
}

void Keeper::end_those_of(Kept& k, const Revision& revision) {
  for (const auto& slot : k.slots) {
    if (!slot->closed() && slot->revision()->same_worker(revision)) {
      end(k, *slot, options_.drain);
    }
  }
}

// What the terms rule out goes at once; what they allow again comes back.
void Keeper::take_terms(Kept& k) {
  const Terms& terms = k.wanted->terms();
  const DeploymentKey& key = k.deployment().key();
  std::optional<std::string> forbidden = terms.forbidden;
  if (!forbidden && !flavors_of(k.revision->spec(), terms)) {
    forbidden = "none of its flavors is allowed";
  }
  if (!terms.enabled) {
    step(k, Turn::kDeactivate);
    return switch_off(k, deactivated(key));
  }
  if (forbidden) {
    if (k.phase != Phase::kFailed) step(k, Turn::kActivate);
    if (!k.off) k.deployment().record(Type::kPolicy, k.revision->number(), *forbidden);
    step(k, Turn::kFail);
    k.deployment().change_view([&](Deployment::View& view) { view.last_error = *forbidden; });
    return switch_off(k, lifecycle::forbidden(key, *forbidden));
  }
  if (k.off) {
    k.off = false;
    k.restarts = {};
    k.deployment().change_view([](Deployment::View& view) { view.last_error.reset(); });
    k.deployment().open_gate();
    step(k, Turn::kActivate);
  }
  retire_disallowed(k);
}

void Keeper::switch_off(Kept& k, const Refusal& refusal) {
  k.off = true;
  k.scale_before = k.at_least = 0;
  k.sharing = false;
  k.deployment().shut_gate(refusal, TimePoint::max());
  k.deployment().fail_waiting(refusal);
  for (const auto& slot : k.slots) {
    if (!slot->closed()) end(k, *slot, options_.drain);
  }
  serve(k);
  if (k.slots.empty()) step(k, Turn::kDrained);
}

void Keeper::retire_disallowed(Kept& k) {
  unsigned retired = 0;
  for (const auto& slot : k.slots) {
    if (slot->closed() || flavor_allowed(k.wanted->terms(), slot->kept.flavor)) continue;
    k.deployment().record(
        Type::kPolicy, slot->number(),
        fmt::format("a replica on {} ends: its flavor is not allowed any more", slot->kept.flavor));
    retired += slot->kept.ready ? 1 : 0;
    end(k, *slot, options_.drain);
  }
  if (retired != 0) k.scale_before = std::max(k.scale_before, k.count().ready + retired);
}

void Keeper::step(Kept& k, Turn turn) {
  const Phase next = after(k.phase, turn);
  if (next == k.phase) return;
  k.phase = next;
  k.deployment().change_view([&](Deployment::View& view) { view.phase = next; });
  if (!k.deployment().main()) k.deployment().record(Type::kState, k.revision->number());
}

void Keeper::roll(Kept& k, bool blocked) {
  if (blocked && k.canary_leaves) {  // it is what follows: its room comes first
    return drop_canary_later(k);
  }
  if (!k.rolling()) return;
  const Kept::Count have = k.count();
  const scheduler::RolloutStep plan =
      scheduler::plan_rollout({have.old_ready, have.old_starting, have.ready, have.starting,
                               k.scale_before, k.scale().max_replicas, blocked});
  k.at_least = plan.at_least;
  if (plan.over) return finish_rollout(k);
  if (plan.share && !k.sharing) {
    k.sharing = true;
    publish(k);
    serve(k);
  }
  for (unsigned left = plan.end_old; left != 0; --left) {
    ReplicaSlot* least = nullptr;
    for (const auto& slot : k.slots) {
      if (slot->closed() || !k.is_old(*slot)) continue;
      if (!slot->kept.ready) {
        least = slot.get();
        break;
      }
      if (!least || slot->in_flight() < least->in_flight()) least = slot.get();
    }
    if (least) end(k, *least, options_.drain);
  }
}

void Keeper::finish_rollout(Kept& k) {
  k.scale_before = k.at_least = 0;
  k.sharing = false;
  // First the new ones are shown, then the old ones close, so that no request finds neither.
  std::vector<std::shared_ptr<ReplicaSlot>> follow;
  for (const auto& slot : k.slots) {
    if (!slot->kept.ready || slot->closed() || k.is_old(*slot)) continue;
    if (slot->in_flight() == 0) slot->note_idle(context_->clock.now());
    follow.push_back(slot);
  }
  k.deployment().publish(std::move(follow));
  for (const auto& slot : k.slots) {
    if (!slot->closed() && k.is_old(*slot)) end(k, *slot, options_.drain);
  }
  serve(k);
  if (k.proven) {
    k.previous.reset();
    tell_ready(k);
  }
  if (k.canary_leaves) drop_canary(k);
}

void Keeper::note_ready(Kept& k, ReplicaSlot& slot) {
  if (k.is_old(slot)) {
    k.scale_before = std::max(k.scale_before, k.count().old_ready);
    if (!k.previous) k.previous = slot.revision();
    return;
  }
  k.proven = true;
  if (k.rolling()) return;
  k.previous.reset();
  tell_ready(k);
}

void Keeper::serve(Kept& k) {
  if (k.serving == k.revision) return;
  k.serving = k.revision;
  context_->serves(k.revision);
}

void Keeper::tell_ready(Kept& k) {
  const std::uint64_t number = k.revision->number();
  k.told_failed = 0;
  if (std::exchange(k.told_ready, number) == number) return;
  k.deployment().record(Type::kRevision, number);
  if (context_->observer) {
    using enum LifeObserver::Outcome;
    context_->observer->on_revision(k.deployment().key(), number,
                                    k.deployment().main() ? kReadyAsCanary : kReady, {});
  }
}

bool Keeper::revision_failed(Kept& k, const std::string& reason) {
  Deployment& deployment = k.deployment();
  const bool canary = deployment.main() != nullptr && (!k.proven || k.restarts.open);
  if (!k.previous && !canary && k.proven) return false;
  const std::uint64_t number = k.revision->number();
  if (std::exchange(k.told_failed, number) != number) {
    if (context_->observer) {
      context_->observer->on_revision(deployment.key(), number, LifeObserver::Outcome::kFailed,
                                      reason);
    }
    deployment.record(Type::kRevisionFailed, number, reason);
  }
  if (canary) k.previous.reset();  // its main deployment serves, not a canary before it
  if (k.previous) {
    log::warn("revision failed, an earlier one serves on",
              {{"deployment", to_string(deployment.key())}, {"revision", number}});
    k.revision = std::move(k.previous);
    k.proven = true;
    k.told_ready = k.revision->number();
    k.forget_learned();
    k.scale_before = k.at_least = 0;
    k.sharing = false;
    for (const auto& slot : k.slots) {
      if (!slot->closed() && k.is_old(*slot)) end(k, *slot, options_.drain);
    }
    deployment.change_view([&](Deployment::View& view) {
      view.runtime = k.revision->spec().runtime;
      view.failed = std::make_unique<FailedRevision>(number, reason);
    });
    serve(k);
    publish(k);
    if (k.canary_leaves) drop_canary_later(k);
    deployment.nudge();
    return true;
  }
  if (!canary) return false;
  deployment.change_view([&](Deployment::View& view) { view.last_error = reason; });
  step(k, Turn::kFail);
  switch_off(k, load_failed(deployment.key(), {Code::kUnavailable, reason}));
  return true;
}

void Keeper::take_canary(Kept& k, const std::shared_ptr<const Canary>& canary) {
  Deployment& deployment = k.deployment();
  const std::shared_ptr<const Canary> current = deployment.canary();
  if (!canary) {
    if (!current) return;
    k.canary_leaves = !k.off && k.rolling() && k.revision->same_worker(*current->revision);
    if (!k.canary_leaves) drop_canary(k);
    return;
  }
  Deployment& other = canary->revision->deployment();
  if (current && &current->revision->deployment() != &other) drop_canary(k);
  k.canary_leaves = false;
  const Kept* kept = find(other);
  if (!kept || kept->wanted != canary->revision) adopt(canary->revision);
  const bool same_share = current && current->weight == canary->weight &&
                          current->revision->number() == canary->revision->number();
  deployment.set_canary(canary);
  if (same_share) return;
  deployment.record(Type::kCanary, canary->revision->number(),
                    fmt::format("gets {} % of the requests", canary->weight));
}

// For when claims are being settled, of which it may have some.
void Keeper::drop_canary_later(const Kept& k) {
  boost::asio::post(context_->loops.control(), [this, alive = std::weak_ptr(alive_),
                                                deployment = k.revision->shared_deployment()] {
    if (alive.expired()) return;
    Kept* kept = find(*deployment);
    if (!kept || !kept->canary_leaves) return;
    drop_canary(*kept);
    settle_claims();
  });
}

void Keeper::drop_canary(Kept& k) {
  k.canary_leaves = false;
  Deployment& deployment = k.deployment();
  const std::shared_ptr<const Canary> current = deployment.canary();
  if (!current) return;
  deployment.set_canary(nullptr);
  deployment.record(Type::kCanary, current->revision->number(), "gets no requests of its own");
  if (Kept* other = find(current->revision->deployment())) discard(*other);
}

void Keeper::remove(Deployment& deployment) {
  Kept* k = find(deployment);
  if (!k) return;
  drop_canary(*k);
  discard(*k);
  settle_claims();
}

void Keeper::discard(Kept& k) {
  Deployment& deployment = k.deployment();
  k.removed = true;
  step(k, Turn::kDelete);
  if (!deployment.main()) context_->metrics.forget(deployment.key());
  deployment.shut_gate(removed(deployment.key()), TimePoint::max());
  deployment.fail_waiting(removed(deployment.key()));
  for (const auto& slot : k.slots) end(k, *slot, options_.drain);
  refresh(k);
  if (k.slots.empty()) forget(k);
}

void Keeper::forget(Kept& k) {
  const std::shared_ptr<Deployment> deployment = k.revision->shared_deployment();
  std::erase_if(claims_, [&](const WaitingClaim& c) { return c.deployment == deployment->id(); });
  schedule_.erase({k.check_at, deployment->id()});
  const std::uint64_t number = k.revision->number();
  deployments_.erase(deployment->id());
  deployment->change_view([](Deployment::View& view) { view.gone = true; });
  if (!deployment->main()) deployment->record(Type::kGone, number);
}

}  // namespace tenon::lifecycle
