#include "host/lifecycle/lane.h"

#include <algorithm>

namespace tenon::lifecycle {

Lane::Lane(Deployment& deployment, unsigned loop) : deployment_(deployment), loop_(loop) {}
Lane::~Lane() = default;

boost::asio::io_context& Lane::loop() const {
  return deployment_.context().loops.loop(loop_);
}

std::shared_ptr<Flight> Lane::dispatch(const std::shared_ptr<Target>& target, Exchange& exchange) {
  if (auto refusal = over_budget()) {
    auto refused = std::make_shared<RequestFlight>(target, *this, exchange, false);
    refused->refuse_later(*std::move(refusal));
    return refused;
  }
  if (canary_ && deployment_.share(loop_).take(canary_->weight)) {
    Deployment& other = canary_->revision->deployment();
    if (!other.gate()) {
      return other.lane(loop_).dispatch(canary_->revision, exchange);
    }
  }
  auto flight = std::make_shared<RequestFlight>(target, *this, exchange, false);
  if (queue_.empty() && submit(*flight)) {
    flight->announce_later();
  } else {
    enqueue(flight);
  }
  return flight;
}

// A canary has no budget: its main deployment has asked its own already.
std::optional<Refusal> Lane::over_budget() const {
  if (budget_.unlimited()) return std::nullopt;
  const auto now = std::chrono::floor<std::chrono::seconds>(deployment_.context().clock.wall());
  const auto over = budget_.admit(now);
  return over ? std::optional(lifecycle::over_budget(*over, now)) : std::nullopt;
}

void Lane::spend(const workers::Usage& usage) {
  if (Deployment* main = deployment_.main()) return main->lane(loop_).spend(usage);
  if (usage.input_tokens == 0 && usage.output_tokens == 0) return;
  deployment_.metrics().tokens(usage.input_tokens, usage.output_tokens);
  if (budget_.unlimited()) return;
  budget_.spend({usage.input_tokens, usage.output_tokens},
                std::chrono::floor<std::chrono::seconds>(deployment_.context().clock.wall()));
}

std::shared_ptr<Flight> Lane::ask(const std::shared_ptr<Target>& target, Exchange& exchange) {
  auto flight = std::make_shared<RequestFlight>(target, *this, exchange, true);
  if (submit(*flight)) {
    flight->announce_later();
    return flight;
  }
  const workers::RequestView view = exchange.view();
  if (auto refusal = deployment_.gate()) {
    flight->refuse_later(std::move(*refusal));
  } else if (std::ranges::find(target->plugin().health, view.path) !=
             target->plugin().health.end()) {
    flight->answer_later(std::make_shared<Answer>());
  } else if (auto known = deployment_.remembered(question_of(view))) {
    flight->answer_later(std::move(known));
  } else {
    flight->refuse_later(nothing_known(deployment_.key(), view.path));
  }
  return flight;
}

// The least loaded one that was not busy in this round; the oldest of equals, so that the others
// can become idle.
LaneReplica* Lane::pick() {
  LaneReplica* best = nullptr;
  std::uint32_t least = 0;
  for (const auto& r : replicas_) {
    if (!r->listed || r->gone || r->tried == round_) continue;
    if (best == nullptr) {
      best = r.get();
      if (replicas_.size() == 1) break;
      least = r->slot->in_flight();
    } else if (const std::uint32_t load = r->slot->in_flight(); load < least) {
      best = r.get();
      least = load;
    }
  }
  return best;
}

bool Lane::submit(RequestFlight& flight) {
  ++round_;
  LaneReplica* r = pick();
  if (!r) return false;
  const workers::RequestView view = flight.exchange_->view();
  for (; r; r = pick()) {
    const std::uint32_t inside = r->slot->enter(flight.passive_);
    if (inside == 0) {
      r->gone = true;
      continue;
    }
    flight.self_ = flight.shared_from_this();
    const auto id = r->slot->replica().submit(loop_, view, flight);
    if (id) {
      ++r->open;
      flight.replica_ = r;
      flight.id_ = *id;
      flight.revision_ = r->slot->number();
      flight.state_ = RequestFlight::State::kInReplica;
      flight.body_open_ = !view.body_complete;
      if (flight.passive_) flight.recorder_ = std::make_unique<Recorder>(view);
      if (!flight.passive_) {
        deployment_.gauge(loop_).enter(deployment_.context().clock.now());
        if (inside > deployment_.grow_above()) deployment_.nudge();
      }
      return true;
    }
    flight.self_.reset();
    r->slot->leave(flight.passive_);
    if (id.error() == workers::SubmitError::kGone) r->gone = true;
    r->tried = round_;
  }
  return false;
}

void Lane::enqueue(std::shared_ptr<RequestFlight> flight) {
  if (!any_open()) {
    // Others may have followed the replicas that were known here, and not yet have been told of.
    list_ready();
    if (any_open() && queue_.empty() && submit(*flight)) return flight->announce_later();
  }
  if (!any_open()) {
    if (auto refusal = deployment_.gate()) return refuse_later(std::move(flight), *refusal);
  }
  const unsigned limit = flight->target().spec().limits.queue;
  if (!deployment_.enter_queue(limit)) {
    return refuse_later(std::move(flight), queue_full(deployment_.key(), limit));
  }
  wait(std::move(flight), false);
}

void Lane::refuse_later(std::shared_ptr<RequestFlight> flight, Refusal refusal) {
  if (Deployment* main = deployment_.main()) return main->lane(loop_).take_over(std::move(flight));
  flight->refuse_later(std::move(refusal));
}

void Lane::take_over(std::shared_ptr<RequestFlight> flight) {
  flight->lane_ = this;
  if (queue_.empty() && submit(*flight)) {
    flight->announce_later();
  } else {
    enqueue(std::move(flight));
  }
}

// The caller has counted it.
void Lane::wait(std::shared_ptr<RequestFlight> flight, bool in_front) {
  const TimePoint now = deployment_.context().clock.now();
  flight->state_ = RequestFlight::State::kQueued;
  flight->since_ = now;
  // Deadlines never fall along the queue: one alarm, at the first, serves them all.
  flight->deadline_ = now + flight->target().spec().limits.max_wait;
  if (in_front && !queue_.empty()) {
    flight->deadline_ = std::min(flight->deadline_, queue_.front()->deadline_);
  } else if (!queue_.empty()) {
    flight->deadline_ = std::max(flight->deadline_, queue_.back()->deadline_);
  }
  const bool first = queue_.empty() || in_front;
  if (in_front) {
    queue_.push_front(std::move(flight));
  } else {
    queue_.push_back(std::move(flight));
  }
  if (first) set_alarm();
  const bool open = any_open();
  if (!open) deployment_.note_waiting(now);
  if (!open || deployment_.grow_above() != ~0U) deployment_.nudge();
}

void Lane::retry(std::shared_ptr<RequestFlight> flight) {
  if (submit(*flight)) return flight->announce();
  deployment_.enter_queue(~0U);  // it was in already: no limit keeps it out
  wait(std::move(flight), true);
}

void Lane::forget(RequestFlight& flight) {
  const std::shared_ptr<RequestFlight> removed = queue_.remove(flight);
  deployment_.leave_queue();
  if (queue_.empty()) {
    alarm_.reset();
    deployment_.nudge();  // a replica that was kept for it may be idle now
  }
}

void Lane::flush() {
  while (!queue_.empty()) {
    RequestFlight* flight = queue_.front();
    if (!submit(*flight)) return;
    const std::shared_ptr<RequestFlight> taken = queue_.remove(*flight);
    deployment_.leave_queue();
    if (queue_.empty()) alarm_.reset();
    taken->announce();
  }
}

bool Lane::any_open() const {
  return std::ranges::any_of(replicas_, [](const auto& r) { return r->listed && !r->gone; });
}

void Lane::release(RequestFlight& flight) {
  LaneReplica* r = std::exchange(flight.replica_, nullptr);
  if (!flight.passive_) deployment_.gauge(loop_).leave(deployment_.context().clock.now());
  r->slot->leave(flight.passive_);
  if (--r->open == 0 && !r->listed) {
    std::erase_if(replicas_, [r](const auto& p) { return p.get() == r; });
  }
}

void Lane::remember(Recorder& recorder, std::uint64_t revision) {
  if (auto answer = recorder.finish(deployment_.context().clock.now(), revision)) {
    deployment_.remember(recorder.question(), std::move(answer));
  }
}

void Lane::list_ready() {
  const std::vector<std::shared_ptr<ReplicaSlot>> ready = deployment_.ready();
  for (const auto& r : replicas_) {
    r->listed = std::ranges::find(ready, r->slot) != ready.end();
  }
  std::erase_if(replicas_, [](const auto& r) { return !r->listed && r->open == 0; });
  for (const auto& slot : ready) {
    if (std::ranges::none_of(replicas_, [&](const auto& r) { return r->slot == slot; })) {
      replicas_.push_back(std::make_unique<LaneReplica>());
      replicas_.back()->slot = slot;
    }
  }
}

void Lane::refresh() {
  list_ready();
  canary_ = deployment_.canary();
  budget_ = deployment_.budget();
  flush();
  // Whoever waits still, because a replica went, needs another.
  if (!queue_.empty() && !any_open()) deployment_.nudge();
}

void Lane::refuse_waiting(const Refusal& refusal) {
  // Whoever hears of it may ask anew at once: only those that wait now are meant.
  for (unsigned left = deployment_.queued(); left > 0 && !queue_.empty(); --left) {
    std::shared_ptr<RequestFlight> flight = queue_.remove(*queue_.front());
    deployment_.leave_queue();
    if (Deployment* main = deployment_.main()) {
      main->lane(loop_).take_over(std::move(flight));
    } else {
      flight->refuse(refusal);
    }
  }
  if (!queue_.empty()) return;
  alarm_.reset();
  deployment_.nudge();  // nothing need be started for them any more
}

void Lane::on_room(const ReplicaSlot& slot) {
  for (const auto& r : replicas_) {
    if (r->slot.get() != &slot) continue;
    std::vector<std::weak_ptr<RequestFlight>> waiting;
    std::swap(waiting, r->want_room);
    for (const auto& weak : waiting) {
      if (const auto flight = weak.lock()) flight->on_room();
    }
    break;
  }
  flush();
}

void Lane::set_alarm() {
  if (!alarm_) {
    alarm_ = deployment_.context().clock.alarm(loop(), [this] { on_alarm(); });
  }
  alarm_->set(queue_.front()->deadline_);
}

void Lane::on_alarm() {
  const TimePoint now = deployment_.context().clock.now();
  while (!queue_.empty() && queue_.front()->deadline_ <= now) {
    RequestFlight* flight = queue_.front();
    const auto waited = std::chrono::duration_cast<milliseconds>(now - flight->since_);
    std::shared_ptr<RequestFlight> late = queue_.remove(*flight);
    deployment_.leave_queue();
    if (Deployment* main = deployment_.main()) {
      main->lane(loop_).take_over(std::move(late));
      continue;
    }
    late->refuse(waited_too_long(deployment_.key(), waited, deployment_.progress()));
  }
  if (queue_.empty()) {
    alarm_.reset();
    deployment_.nudge();
  } else {
    set_alarm();
  }
}

}  // namespace tenon::lifecycle
