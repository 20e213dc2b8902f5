#include "host/lifecycle/deployment.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "host/lifecycle/lane.h"
#include "host/lifecycle/replica_slot.h"

namespace tenon::lifecycle {

namespace {

template <class T>
bool same(const std::shared_ptr<const T>& one, const std::shared_ptr<const T>& other) {
  return one == other || *one == *other;
}

}  // namespace

bool Revision::same_worker(const Revision& other) const {
  const auto worker_part = [](const DeploymentSpec& s) {
    return std::tie(s.runtime, s.model_path, s.origin_digest, s.flavors, s.devices_per_replica,
                    s.isolation, s.limits.memory, s.limits.device_memory, s.environment);
  };
  const Blueprint &a = blueprint_, &b = other.blueprint_;
  return (a.spec == b.spec || worker_part(*a.spec) == worker_part(*b.spec)) &&
         same(a.options, b.options) && same(a.grant, b.grant) &&
         a.plugin->library == b.plugin->library && a.plugin->version == b.plugin->version;
}

bool Revision::operator==(const Revision& other) const {
  return same_worker(other) && same(blueprint_.spec, other.blueprint_.spec) &&
         number_ == other.number_ && terms_ == other.terms_;
}

Deployment::Deployment(DeploymentKey key, std::shared_ptr<Context> context, std::uint64_t id,
                       std::shared_ptr<Deployment> main)
    : key_(std::move(key)),
      context_(std::move(context)),
      metrics_(context_->metrics.of(key_)),
      id_(id),
      main_(std::move(main)),
      cells_(context_->loops.size()) {}

Deployment::~Deployment() {
  for (const auto& cell : cells_) delete cell.load();
}

Deployment::Cell& Deployment::cell(unsigned loop) {
  std::atomic<Cell*>& here = cells_[loop];
  if (Cell* there = here.load(std::memory_order_relaxed)) return *there;
  here.store(new Cell);
  return *here.load(std::memory_order_relaxed);
}

Lane& Deployment::lane(unsigned loop) {
  Cell& mine = cell(loop);
  if (!mine.lane) {
    mine.present.store(true);
    mine.lane = std::make_unique<Lane>(*this, loop);
    mine.lane->refresh();
  }
  return *mine.lane;
}

Lane* Deployment::lane_if_any(unsigned loop) {
  return cell(loop).lane.get();
}

void Deployment::drop_lane(unsigned loop) {
  cell(loop).lane.reset();
  cell(loop).present.store(false);
}

LoadGauge::Reading Deployment::load(TimePoint now) const {
  LoadGauge::Reading all;
  for (const auto& each : cells_) {
    const Cell* cell = each.load();
    if (!cell) continue;
    const LoadGauge::Reading one = cell->gauge.read(now);
    all.requests += one.requests;
    all.request_seconds += one.request_seconds;
  }
  return all;
}

void Deployment::nudge() {
  if (nudged_.exchange(true)) return;
  boost::asio::post(context_->loops.control(),
                    [self = shared_from_this()] { self->context_->consider(self); });
}

std::vector<std::shared_ptr<ReplicaSlot>> Deployment::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_;
}

bool Deployment::enter_queue(unsigned limit) {
  const unsigned before = queued_.fetch_add(1);
  if (before >= limit) {
    queued_.fetch_sub(1);
    return false;
  }
  if (!main_) metrics_->queue_depth(before + 1);
  return true;
}

void Deployment::leave_queue() {
  const unsigned left = queued_.fetch_sub(1) - 1;
  if (!main_) metrics_->queue_depth(left);
}

void Deployment::note_waiting(TimePoint since) {
  TimePoint::rep none = 0;
  waiting_since_.compare_exchange_strong(none, since.time_since_epoch().count());
}

TimePoint Deployment::take_waiting_since() {
  return TimePoint(TimePoint::duration(waiting_since_.exchange(0)));
}

std::optional<Refusal> Deployment::gate() {
  if (!gate_shut_.load()) return std::nullopt;
  const TimePoint now = context_->clock.now();
  const std::lock_guard lock(mutex_);
  if (!gate_ || now >= gate_->second) return std::nullopt;
  Refusal refusal = gate_->first;
  if (gate_->second != TimePoint::max()) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(gate_->second - now);
    refusal.retry_after = static_cast<unsigned>(left.count());
  }
  return refusal;
}

void Deployment::shut_gate(Refusal refusal, TimePoint until) {
  const std::lock_guard lock(mutex_);
  gate_ = std::make_unique<std::pair<Refusal, TimePoint>>(std::move(refusal), until);
  gate_shut_.store(true);
}

void Deployment::open_gate() {
  if (!gate_shut_.load()) return;
  const std::lock_guard lock(mutex_);
  gate_.reset();
  gate_shut_.store(false);
}

Progress Deployment::progress() const {
  const std::lock_guard lock(mutex_);
  return view_.progress;
}

std::shared_ptr<const Answer> Deployment::remembered(std::string_view question) const {
  const std::lock_guard lock(mutex_);
  return remembered_ ? remembered_->find(question) : nullptr;
}

void Deployment::remember(std::string question, std::shared_ptr<const Answer> answer) {
  const std::lock_guard lock(mutex_);
  if (!remembered_) remembered_ = std::make_unique<Remembered>();
  remembered_->keep(std::move(question), std::move(answer));
}

void Deployment::tell_lanes(std::function<void(Deployment&, unsigned)> what) {
  for (unsigned loop = 0; loop < cells_.size(); ++loop) {
    const Cell* cell = cells_[loop].load();
    if (!cell || !cell->present.load()) continue;
    boost::asio::post(context_->loops.loop(loop),
                      [self = shared_from_this(), loop, what] { what(*self, loop); });
  }
}

void Deployment::publish(std::vector<std::shared_ptr<ReplicaSlot>> ready) {
  {
    const std::lock_guard lock(mutex_);
    ready_ = std::move(ready);
  }
  tell_lanes([](Deployment& self, unsigned loop) {
    Lane* lane = self.lane_if_any(loop);
    if (!lane) return;
    lane->refresh();
    if (lane->disposable()) self.drop_lane(loop);
  });
}

std::shared_ptr<const Canary> Deployment::canary() const {
  const std::lock_guard lock(mutex_);
  return canary_;
}

void Deployment::set_canary(std::shared_ptr<const Canary> canary) {
  {
    const std::lock_guard lock(mutex_);
    canary_ = std::move(canary);
  }
  refresh_lanes();
}

metering::TokenBudget Deployment::budget() const {
  const std::lock_guard lock(mutex_);
  return budget_ ? *budget_ : metering::TokenBudget();
}

void Deployment::set_budget(metering::TokenBudget budget) {
  {
    const std::lock_guard lock(mutex_);
    if (budget_ ? *budget_ == budget : budget.unlimited()) return;
    budget_.reset();
    if (!budget.unlimited()) budget_ = std::make_unique<metering::TokenBudget>(std::move(budget));
  }
  refresh_lanes();
}

void Deployment::refresh_lanes() {
  tell_lanes([](Deployment& self, unsigned loop) {
    if (Lane* lane = self.lane_if_any(loop)) lane->refresh();
  });
}

void Deployment::forget_canary() {
  for (const auto& each : cells_) {
    const Cell* cell = each.load();
    if (cell && cell->lane) cell->lane->forget_canary();
  }
  const std::lock_guard lock(mutex_);
  canary_.reset();
}

void Deployment::record(LifeEvent::Type type, std::uint64_t revision, std::string message) {
  if (main_) return main_->record(type, revision, std::move(message));
  if (!context_->observer) return;
  context_->observer->on_event(
      key_, {context_->clock.wall(), type, phase(), revision, std::move(message)});
}

Phase Deployment::phase() const {
  const std::lock_guard lock(mutex_);
  return view_.phase;
}

bool Deployment::gone() const {
  const std::lock_guard lock(mutex_);
  return view_.gone;
}

void Deployment::fail_waiting(const Refusal& refusal) {
  take_waiting_since();
  tell_lanes([refusal](Deployment& self, unsigned loop) {
    if (Lane* lane = self.lane_if_any(loop)) lane->refuse_waiting(refusal);
  });
}

namespace {

CanaryStatus canary_status(const Canary& canary) {
  const DeploymentStatus own = canary.revision->deployment().status();
  CanaryStatus status;
  status.revision = own.revision;
  status.weight = canary.weight;
  status.replicas_ready = own.replicas_ready;
  status.replicas_starting = own.replicas_starting;
  status.queued = own.queued;
  status.in_flight = own.in_flight;
  status.memory_bytes = own.memory_bytes;
  if (own.phase == Phase::kFailed) status.failure = own.last_error;
  return status;
}

}  // namespace

DeploymentStatus Deployment::status() const {
  DeploymentStatus status = own_status();
  if (const auto held = canary()) status.canary = canary_status(*held);
  return status;
}

DeploymentStatus Deployment::own_status() const {
  const std::lock_guard lock(mutex_);
  DeploymentStatus status;
  status.key = key_;
  status.runtime = view_.runtime;
  status.replicas_ready = static_cast<unsigned>(ready_.size());
  status.replicas_starting = view_.starting;
  status.queued = queued_.load();
  for (const auto& slot : ready_) {
    status.in_flight += slot->in_flight();
    status.memory_bytes += slot->replica().memory_bytes();
    if (const int pid = slot->replica().pid(); pid != 0) status.pids.push_back(pid);
  }
  status.crashes_in_a_row = view_.restarts.failures;
  status.breaker_open = view_.restarts.open;
  if (view_.last_cold_start) status.last_cold_start = *view_.last_cold_start;
  status.last_error = view_.last_error;
  if (view_.placement) status.placement = *view_.placement;
  status.load_done = view_.progress.done;
  status.load_stage = view_.progress.stage;
  status.phase = view_.phase;
  status.revision = view_.revision;
  status.next = view_.next;
  if (view_.failed) status.failed = *view_.failed;
  return status;
}

}  // namespace tenon::lifecycle
