#include "tests/host/lifecycle/fakes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tenon::lifecycle::testing {
namespace {

constexpr std::chrono::seconds kVeryLong{20};

class FakeAlarm final : public Alarm {
 public:
  FakeAlarm(FakeClock& clock, std::shared_ptr<FakeClock::State> state)
      : clock_(clock), state_(std::move(state)) {}
  void set(TimePoint when) override {
    const std::lock_guard lock(clock_.mutex);
    state_->when = when;
  }
  void clear() override { set({}); }

 private:
  FakeClock& clock_;
  std::shared_ptr<FakeClock::State> state_;
};

std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool eventually(const std::function<bool()>& what) {
  const auto until = std::chrono::steady_clock::now() + kVeryLong;
  while (!what()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

std::chrono::system_clock::time_point FakeClock::wall() const {
  const std::lock_guard lock(mutex);
  return std::chrono::system_clock::time_point(now_ - TimePoint(kStart));
}

TimePoint FakeClock::now() const {
  const std::lock_guard lock(mutex);
  return now_;
}

std::unique_ptr<Alarm> FakeClock::alarm(boost::asio::io_context& loop,
                                        std::move_only_function<void()> call) {
  auto state = std::make_shared<State>(loop, std::move(call));
  const std::lock_guard lock(mutex);
  std::erase_if(alarms_, [](const auto& weak) { return weak.expired(); });
  alarms_.push_back(state);
  return std::make_unique<FakeAlarm>(*this, std::move(state));
}

void FakeClock::advance(milliseconds by) {
  const std::lock_guard lock(mutex);
  now_ += by;
  for (const auto& weak : alarms_) {
    const auto state = weak.lock();
    if (!state || state->when == TimePoint{} || state->when > now_) continue;
    state->when = {};
    boost::asio::post(state->loop, [weak = std::weak_ptr(state)] {
      if (const auto due = weak.lock()) due->call();
    });
  }
}

std::size_t FakeClock::alarms_set() const {
  const std::lock_guard lock(mutex);
  return static_cast<std::size_t>(std::ranges::count_if(alarms_, [](const auto& weak) {
    const auto state = weak.lock();
    return state && state->when != TimePoint{};
  }));
}

FakeReplica::FakeReplica(FakeLauncher& launcher, const workers::ReplicaSpec& s,
                         workers::ReplicaObserver& observer, int pid)
    : spec(s), launcher_(launcher), observer_(observer), pid_(pid) {}

std::expected<workers::RequestId, workers::SubmitError> FakeReplica::submit(
    unsigned loop, const workers::RequestView& view, workers::ResponseSink& sink) {
  const Behaviour behaviour = launcher_.of(spec);
  workers::RequestId id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || dead_) return std::unexpected(workers::SubmitError::kGone);
    if (open_.size() >= behaviour.room) {
      refused_loops_.insert(loop);
      return std::unexpected(workers::SubmitError::kBusy);
    }
    id = next_++;
    open_[id] = {loop, &sink, text(view.body)};
  }
  if (behaviour.dies) {
    die();
  } else if (behaviour.answers && view.body_complete) {
    boost::asio::post(launcher_.loops.loop(loop),
                      [self = shared_from_this(), id] { self->answer(id); });
  }
  return id;
}

bool FakeReplica::send_body(workers::RequestId id, std::span<const std::byte> bytes, bool last) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(id);
  if (found == open_.end()) return true;
  found->second.body += text(bytes);
  if (last && launcher_.of(spec).answers) {
    boost::asio::post(launcher_.loops.loop(found->second.loop),
                      [self = shared_from_this(), id] { self->answer(id); });
  }
  return true;
}

void FakeReplica::answer(workers::RequestId id) {
  Open open;
  {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    open = std::move(found->second);
    open_.erase(found);
  }
  finish(open, spec.model_name + ":" + open.body, false, false);
  make_room();
}

// On the request's loop.
void FakeReplica::finish(const Open& open, std::string body, bool died, bool cancelled) {
  workers::ResponseMessage message;
  workers::Failure failure;
  message.final = true;
  if (died || cancelled) {
    failure.kind = died ? workers::Failure::Kind::kDied : workers::Failure::Kind::kAnswered;
    failure.error = {died ? Code::kUnavailable : Code::kCancelled, "the worker was shot"};
    message.failure = &failure;
  } else {
    message.status = 200;
    message.usage = launcher_.of(spec).usage;
    message.body = std::as_bytes(std::span(body));
  }
  open.sink->on_response(message);
}

void FakeReplica::make_room() {
  std::set<unsigned> loops;
  bool empty = false;
  {
    const std::lock_guard lock(mutex_);
    std::swap(loops, refused_loops_);
    empty = stopping_ && !dead_ && open_.empty();
  }
  for (const unsigned loop : loops) {
    boost::asio::post(launcher_.loops.loop(loop), [self = shared_from_this(), loop] {
      {
        const std::lock_guard lock(self->mutex_);
        if (self->dead_) return;
      }
      self->observer_.on_room(loop);
    });
  }
  if (empty) gone({workers::Gone::Kind::kStopped, {}});
}

void FakeReplica::cancel(workers::RequestId id) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  boost::asio::post(launcher_.loops.loop(found->second.loop),
                    [self = shared_from_this(), open = found->second] {
                      self->finish(open, {}, false, true);
                      self->make_room();
                    });
  open_.erase(found);
}

void FakeReplica::stop(milliseconds grace) {
  bool empty = false;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    empty = open_.empty();
  }
  if (empty) return gone({workers::Gone::Kind::kStopped, {}});
  if (grace == milliseconds(0)) die();
}

void FakeReplica::gone(workers::Gone how) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(dead_, true)) return;
  }
  tell_gone(std::move(how));
}

void FakeReplica::tell_gone(workers::Gone how) {
  boost::asio::post(launcher_.loops.control(), [self = shared_from_this(), how] {
    self->launcher_.ended(*self);
    self->observer_.on_gone(how);
  });
}

void FakeReplica::die() {
  std::map<workers::RequestId, Open> open;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(dead_, true)) return;
    std::swap(open, open_);
  }
  tell_gone({workers::Gone::Kind::kDied, {Code::kUnavailable, "the worker was shot"}});
  for (auto& [id, o] : open) {
    boost::asio::post(launcher_.loops.loop(o.loop), [self = shared_from_this(), lost = o] {
      self->finish(lost, {}, true, false);
    });
  }
}

void FakeReplica::become_ready() {
  boost::asio::post(launcher_.loops.control(), [self = shared_from_this()] {
    {
      const std::lock_guard lock(self->mutex_);
      if (self->dead_) return;
    }
    workers::StartTimes times;
    times.fork = std::chrono::milliseconds(1);
    times.map = std::chrono::milliseconds(2);
    times.from_template = true;
    self->observer_.on_ready(times);
  });
}

void FakeReplica::fail_load(Error error) {
  gone({workers::Gone::Kind::kLoadFailed, std::move(error)});
}

void FakeReplica::progress(double done, std::string what) {
  boost::asio::post(launcher_.loops.control(), [self = shared_from_this(), done, what] {
    self->observer_.on_progress(done, what);
  });
}

void FakeReplica::answer_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, open] : open_) {
    boost::asio::post(launcher_.loops.loop(open.loop),
                      [self = shared_from_this(), request = id] { self->answer(request); });
  }
}

void FakeReplica::first_bytes() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, open] : open_) {
    boost::asio::post(launcher_.loops.loop(open.loop), [self = shared_from_this(), request = id] {
      workers::ResponseSink* sink = nullptr;
      {
        const std::lock_guard inner(self->mutex_);
        const auto found = self->open_.find(request);
        if (found == self->open_.end()) return;
        sink = found->second.sink;
      }
      const std::string bytes = "first,";
      workers::ResponseMessage message;
      message.status = 200;
      message.body = std::as_bytes(std::span(bytes));
      sink->on_response(message);
    });
  }
}

std::uint64_t FakeReplica::memory_bytes() const {
  return launcher_.of(spec).memory;
}

std::uint64_t FakeReplica::device_bytes(std::size_t) const {
  return launcher_.of(spec).device_memory;
}

std::chrono::nanoseconds FakeReplica::cpu_time() const {
  return launcher_.of(spec.model_name).cpu;
}

std::size_t FakeReplica::inside() const {
  const std::lock_guard lock(mutex_);
  return open_.size();
}

bool FakeReplica::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

std::shared_ptr<workers::Replica> FakeLauncher::launch(const workers::ReplicaSpec& spec,
                                                       workers::ReplicaObserver& observer) {
  std::shared_ptr<FakeReplica> replica;
  {
    const std::lock_guard lock(mutex_);
    replica = std::make_shared<FakeReplica>(*this, spec, observer, next_pid_++);
    running_.push_back(replica);
    ++launches_[spec.model_name];
    most_ = std::max(most_, running_.size());
  }
  switch (of(spec).start) {
    case Behaviour::Start::kReady:
      replica->become_ready();
      break;
    case Behaviour::Start::kHeld:
      break;
    case Behaviour::Start::kLoadFails:
      replica->fail_load({Code::kInvalid, "config.json: no such file"});
      break;
    case Behaviour::Start::kDies:
      replica->die();
      break;
  }
  return replica;
}

void FakeLauncher::estimate(const workers::ReplicaSpec& spec,
                            std::move_only_function<void(Result<workers::Estimate>)> tell) {
  boost::asio::post(loops.control(), [estimate = of(spec).estimate,
                                      tell = std::move(tell)]() mutable { tell(estimate); });
}

void FakeLauncher::probe(const workers::ReplicaSpec& spec,
                         std::move_only_function<void(Result<plugins::Probe>)> tell) {
  const std::lock_guard lock(mutex_);
  ++probes_;
  boost::asio::post(loops.control(), [said = judgements_.at(spec.plugin.id),
                                      tell = std::move(tell)]() mutable { tell(said); });
}

void FakeLauncher::judge(const std::string& plugin, Result<plugins::Probe> said) {
  const std::lock_guard lock(mutex_);
  judgements_.insert_or_assign(plugin, std::move(said));
}

std::size_t FakeLauncher::probes() const {
  const std::lock_guard lock(mutex_);
  return probes_;
}

void FakeLauncher::behave(const std::string& model, const Behaviour& behaviour) {
  const std::lock_guard lock(mutex_);
  behaviours_[model] = behaviour;
}

Behaviour FakeLauncher::of(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  const auto found = behaviours_.find(model);
  return found == behaviours_.end() ? Behaviour{} : found->second;
}

Behaviour FakeLauncher::of(const workers::ReplicaSpec& spec) const {
  if (!spec.options.empty()) {
    const std::lock_guard lock(mutex_);
    const auto found = behaviours_.find(spec.model_name + "/" + spec.options[0].second);
    if (found != behaviours_.end()) return found->second;
  }
  return of(spec.model_name);
}

std::vector<std::shared_ptr<FakeReplica>> FakeLauncher::with(const std::string& model,
                                                             const std::string& value) const {
  std::vector<std::shared_ptr<FakeReplica>> found = running(model);
  std::erase_if(found, [&](const auto& r) {
    return r->stopped() || r->spec.options.empty() || r->spec.options[0].second != value;
  });
  return found;
}

std::size_t FakeLauncher::launches(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  const auto found = launches_.find(model);
  return found == launches_.end() ? 0 : found->second;
}

std::size_t FakeLauncher::launches() const {
  const std::lock_guard lock(mutex_);
  std::size_t all = 0;
  for (const auto& [model, n] : launches_) all += n;
  return all;
}

std::vector<std::shared_ptr<FakeReplica>> FakeLauncher::running(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<FakeReplica>> found;
  for (const auto& r : running_) {
    if (r->spec.model_name == model) found.push_back(r);
  }
  return found;
}

std::shared_ptr<FakeReplica> FakeLauncher::only(const std::string& model) const {
  EXPECT_TRUE(eventually([&] { return running(model).size() == 1; })) << model;
  return running(model).at(0);
}

std::size_t FakeLauncher::most_at_once() const {
  const std::lock_guard lock(mutex_);
  return most_;
}

void FakeLauncher::ended(FakeReplica& replica) {
  const std::lock_guard lock(mutex_);
  std::erase_if(running_, [&](const auto& r) { return r.get() == &replica; });
}

}  // namespace tenon::lifecycle::testing
