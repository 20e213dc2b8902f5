#pragma once

#include <boost/asio/post.hpp>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "host/lifecycle/deployments.h"

// A clock, replicas and a launcher that do what a test says.
namespace tenon::lifecycle::testing {

class FakeClock final : public Clock {
 public:
  TimePoint now() const override;
  // Begins at 1970-01-01T00:00 and goes as now() does.
  std::chrono::system_clock::time_point wall() const override;
  std::unique_ptr<Alarm> alarm(boost::asio::io_context&, std::move_only_function<void()>) override;

  void advance(milliseconds);  // and calls every alarm that is due, each on its loop
  std::size_t alarms_set() const;

  struct State {
    boost::asio::io_context& loop;
    std::move_only_function<void()> call;
    TimePoint when{};  // zero: not set
  };
  mutable std::mutex mutex;

 private:
  static constexpr std::chrono::hours kStart{1};
  TimePoint now_{kStart};
  std::vector<std::weak_ptr<State>> alarms_;
};

// How replicas of a deployment behave; read when something happens.
struct Behaviour {
  enum class Start { kReady, kHeld, kLoadFails, kDies } start = Start::kReady;
  bool answers = true;    // at once, else when told to
  bool dies = false;      // when a request enters
  unsigned room = 1'000;  // requests inside at once
  std::uint64_t memory = 0;
  std::uint64_t device_memory = 0;  // on each
  milliseconds cpu{0};              // processor time used so far
  workers::Estimate estimate = {};
  workers::Usage usage = {};  // of each answer
};

class FakeLauncher;

class FakeReplica final : public workers::Replica,
                          public std::enable_shared_from_this<FakeReplica> {
 public:
  FakeReplica(FakeLauncher&, const workers::ReplicaSpec&, workers::ReplicaObserver&, int pid);

  std::expected<workers::RequestId, workers::SubmitError> submit(unsigned loop,
                                                                 const workers::RequestView&,
                                                                 workers::ResponseSink&) override;
  bool send_body(workers::RequestId, std::span<const std::byte>, bool last) override;
  void grant(workers::RequestId, std::uint64_t) override {}
  void cancel(workers::RequestId) override;
  void stop(milliseconds grace) override;
  std::uint64_t memory_bytes() const override;
  std::uint64_t device_bytes(std::size_t) const override;
  std::chrono::nanoseconds cpu_time() const override;
  int pid() const override { return pid_; }

  // [any] What a test makes it do.
  void become_ready();
  void fail_load(Error);
  void die();
  void answer_all();   // what is inside now
  void first_bytes();  // a first message, not final, to each request inside
  void progress(double done, std::string what);
  std::size_t inside() const;
  bool stopped() const;

  const workers::ReplicaSpec spec;

 private:
  struct Open {
    unsigned loop;
    workers::ResponseSink* sink;
    std::string body;
  };
  void answer(workers::RequestId);
  void finish(const Open&, std::string body, bool died, bool cancelled);
  void make_room();
  void gone(workers::Gone);
  void tell_gone(workers::Gone);

  FakeLauncher& launcher_;
  workers::ReplicaObserver& observer_;
  const int pid_;
  mutable std::mutex mutex_;
  std::map<workers::RequestId, Open> open_;
  std::set<unsigned> refused_loops_;
  workers::RequestId next_ = 1;
  bool stopping_ = false, dead_ = false;
};

class FakeLauncher final : public workers::ReplicaLauncher {
 public:
  explicit FakeLauncher(EventLoops& l) : loops(l) {}

  std::shared_ptr<workers::Replica> launch(const workers::ReplicaSpec&,
                                           workers::ReplicaObserver&) override;
  void estimate(const workers::ReplicaSpec&,
                std::move_only_function<void(Result<workers::Estimate>)>) override;
  void probe(const workers::ReplicaSpec&,
             std::move_only_function<void(Result<plugins::Probe>)>) override;
  std::vector<workers::PluginMetric> metrics(const workers::Replica&) const override { return {}; }

  // [any]
  // "model", or "model/value" for replicas with an option of that value.
  void behave(const std::string& model, const Behaviour&);
  Behaviour of(const std::string& model) const;
  Behaviour of(const workers::ReplicaSpec&) const;
  void judge(const std::string& plugin, Result<plugins::Probe>);  // what it says of any folder
  std::size_t probes() const;                                     // so far
  std::size_t launches(const std::string& model) const;
  std::size_t launches() const;
  std::vector<std::shared_ptr<FakeReplica>> running(const std::string& model) const;
  std::shared_ptr<FakeReplica> only(const std::string& model) const;  // the one that runs
  // Those that run with this option, and are not being ended.
  std::vector<std::shared_ptr<FakeReplica>> with(const std::string& model,
                                                 const std::string& value) const;
  std::size_t most_at_once() const;

  void ended(FakeReplica&);
  EventLoops& loops;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Behaviour> behaviours_;
  std::map<std::string, Result<plugins::Probe>> judgements_;
  std::size_t probes_ = 0;
  std::vector<std::shared_ptr<FakeReplica>> running_;
  std::map<std::string, std::size_t> launches_;
  std::size_t most_ = 0;
  int next_pid_ = 100;
};

// Polls; false after a long time.
bool eventually(const std::function<bool()>&);

}  // namespace tenon::lifecycle::testing
