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

Client::Client(EventLoops& loops, unsigned loop, std::string body, std::string path)
    : loops_(loops), loop_(loop), body_(std::move(body)), path_(std::move(path)) {}

workers::RequestView Client::view() {
  workers::RequestView view;
  view.method = "GET";
  view.path = path_;
  view.body = std::as_bytes(std::span(body_));
  view.body_complete = complete;
  return view;
}

void Client::on_submitted() {
  EXPECT_FALSE(inside_call_) << "called from inside the dispatcher";
  EXPECT_FALSE(complete) << "nothing is left to send";
  send_rest();
}

void Client::on_room() {
  send_rest();
}

void Client::send_rest() {
  if (flight->send_body(std::as_bytes(std::span(rest)), true)) restartable = false;
}

void Client::on_response(const workers::ResponseMessage& message) {
  EXPECT_FALSE(inside_call_) << "called from inside the dispatcher";
  EXPECT_FALSE(over_.load()) << "called after the last call";
  if (message.status != 0) outcome_.status = message.status;
  outcome_.revision = flight->revision();
  for (const auto& h : message.headers) outcome_.headers.emplace_back(h.name, h.value);
  outcome_.body += text(message.body);
  answering_ = true;
  restartable = false;
  if (message.failure) {
    outcome_.failed = true;
    outcome_.message = message.failure->error.message;
  }
  if (message.final) end();
}

void Client::on_refused(const Refusal& refusal) {
  EXPECT_FALSE(inside_call_) << "called from inside the dispatcher";
  EXPECT_FALSE(over_.load()) << "called after the last call";
  outcome_.status = refusal.status;
  outcome_.reason = refusal.reason;
  outcome_.message = refusal.error.message;
  outcome_.retry_after = refusal.retry_after;
  outcome_.load_done = refusal.load_done;
  end();
}

void Client::end() {
  over_ = true;
  promise_.set_value(outcome_);
}

Outcome Client::wait() {
  auto future = promise_.get_future();
  if (future.wait_for(kVeryLong) != std::future_status::ready) {
    ADD_FAILURE() << "no answer to " << body_;
    return {};
  }
  return future.get();
}

void Client::abandon() {
  std::promise<void> done;
  boost::asio::post(loops_.loop(loop_), [&] {
    if (flight) flight->abandon();
    flight.reset();
    done.set_value();
  });
  done.get_future().wait();
}

void Diary::on_event(const DeploymentKey&, const LifeEvent& event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
}

void Diary::on_revision(const DeploymentKey&, std::uint64_t number, Outcome outcome,
                        std::string_view reason) {
  const std::lock_guard lock(mutex_);
  revisions_.push_back(std::to_string(number) +
                       (outcome == Outcome::kReady ? " ready" : " failed: " + std::string(reason)));
}

std::vector<std::string> Diary::revisions() const {
  const std::lock_guard lock(mutex_);
  return revisions_;
}

std::vector<LifeEvent> Diary::events(LifeEvent::Type type) const {
  const std::lock_guard lock(mutex_);
  std::vector<LifeEvent> found;
  for (const LifeEvent& e : events_) {
    if (e.type == type) found.push_back(e);
  }
  return found;
}

std::vector<Phase> Diary::phases() const {
  std::vector<Phase> phases;
  for (const LifeEvent& e : events(LifeEvent::Type::kState)) phases.push_back(e.phase);
  return phases;
}

House::House(unsigned n) : loops(n) {
  options.limits = {100, 0};
  options.threads = 2;
  deployments =
      std::make_unique<Deployments>(loops, launcher, clock, metrics, options, &diary, &meter);
  loops.start();
}

House::~House() {
  std::promise<void> done;
  boost::asio::post(loops.control(),
                    [&] { deployments->shutdown(milliseconds(0), [&] { done.set_value(); }); });
  EXPECT_EQ(done.get_future().wait_for(kVeryLong), std::future_status::ready)
      << "the shutdown does not end";
  settle();
  loops.stop();
  loops.join();
}

Wanted House::wanted(const std::string& model, const Scale& scale, const DeploymentLimits& limits) {
  auto manifest = std::make_shared<plugins::Manifest>();
  manifest->id = "fake";
  manifest->passive = {"/health", "/info"};
  manifest->health = {"/health"};
  DeploymentSpec spec;
  spec.key = {"default", model, "production"};
  spec.runtime = "fake";
  spec.model_path = "/models/" + model;
  spec.scale = scale;
  spec.limits = limits;
  return {std::move(spec), std::move(manifest), {}};
}

Wanted House::revision(const std::string& model, std::uint64_t number, const std::string& value,
                       const Scale& scale) {
  Wanted wanted = House::wanted(model, scale);
  wanted.spec.options = {{"option", value}};
  wanted.revision = number;
  return wanted;
}

void House::apply(std::vector<Wanted> wanted) {
  std::promise<void> done;
  boost::asio::post(loops.control(), [&] {
    deployments->apply(std::move(wanted));
    done.set_value();
  });
  done.get_future().wait();
}

void House::limits(unsigned replicas, std::uint64_t bytes) {
  std::promise<void> done;
  boost::asio::post(loops.control(), [&] {
    deployments->set_limits({replicas, bytes}, milliseconds(1000));
    done.set_value();
  });
  done.get_future().wait();
}

std::shared_ptr<Client> House::send(const std::string& model, std::string body, unsigned loop) {
  auto client = std::make_shared<Client>(loops, loop, std::move(body));
  send(client, model);
  return client;
}

void House::send(const std::shared_ptr<Client>& client, const std::string& model) {
  boost::asio::post(loops.loop(client->loop()), [this, client, model] {
    const auto target = deployments->find("default", model, "production");
    ASSERT_NE(target, nullptr) << model;
    client->inside_call_ = true;
    client->flight = deployments->dispatch(target, *client);
    client->inside_call_ = false;
  });
}

std::shared_ptr<Client> House::ask(const std::string& model, std::string path, unsigned loop) {
  auto client = std::make_shared<Client>(loops, loop, "", std::move(path));
  boost::asio::post(loops.loop(loop), [this, client, model] {
    const auto target = deployments->find("default", model, "production");
    client->inside_call_ = true;
    client->flight = deployments->ask(target, *client);
    client->inside_call_ = false;
  });
  return client;
}

DeploymentStatus House::status(const std::string& model) {
  for (const DeploymentStatus& status : deployments->status()) {
    if (status.key.model == model) return status;
  }
  ADD_FAILURE() << "no status of " << model;
  return {};
}

void House::settle() {
  for (int round = 0; round < 8; ++round) {
    for (unsigned i = 0; i <= loops.size(); ++i) {
      std::promise<void> done;
      boost::asio::post(i == loops.size() ? loops.control() : loops.loop(i),
                        [&] { done.set_value(); });
      done.get_future().wait();
    }
  }
}

}  // namespace tenon::lifecycle::testing
