#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/host/lifecycle/fakes.h"

// A life cycle on real event loops, with fakes below it and clients above that do what a test says.
namespace tenon::lifecycle::testing {

struct Outcome {
  unsigned status = 0;
  std::string body;
  std::string reason;   // of a refusal
  std::string message;  // of a refusal or failure
  unsigned retry_after = 0;
  double load_done = -1;
  bool failed = false;  // the answer ended with a failure
  std::uint64_t revision = 0;
  std::vector<std::pair<std::string, std::string>> headers;
};

// One request of a client.
class Client final : public Exchange, public std::enable_shared_from_this<Client> {
 public:
  Client(EventLoops&, unsigned loop, std::string body, std::string path = "/");

  unsigned loop() const override { return loop_; }
  workers::RequestView view() override;
  void on_submitted() override;
  bool can_restart() const override { return restartable; }
  void on_response(const workers::ResponseMessage&) override;
  void on_refused(const Refusal&) override;
  void on_consumed(std::uint64_t) override {}
  void on_room() override;

  Outcome wait();  // for the end; fails the test after a long time
  bool over() const { return over_.load(); }
  bool answering() const { return answering_.load(); }
  void abandon();  // and waits until that is done

  bool restartable = true;
  bool complete = true;  // the view is the whole body, else `rest` follows
  std::string rest;
  std::shared_ptr<Flight> flight;  // on its loop

 private:
  void send_rest();
  void end();

  EventLoops& loops_;
  const unsigned loop_;
  const std::string body_, path_;
  Outcome outcome_;
  std::promise<Outcome> promise_;
  std::atomic<bool> over_{false}, answering_{false};
  bool inside_call_ = false;

  friend class House;
};

// Keeps what it is told.
class Diary final : public LifeObserver {
 public:
  void on_event(const DeploymentKey&, const LifeEvent&) override;
  void on_revision(const DeploymentKey&, std::uint64_t number, Outcome,
                   std::string_view reason) override;

  // [any] "1 ready", "2 failed: no such file"
  std::vector<std::string> revisions() const;
  std::vector<LifeEvent> events(LifeEvent::Type) const;
  std::vector<LifeEvent::Type> types() const;  // of all of them
  std::vector<Phase> phases() const;           // that kState told of

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> revisions_;
  std::vector<LifeEvent> events_;
};

class House {
 public:
  explicit House(unsigned loops = 2);
  ~House();

  static Wanted wanted(const std::string& model, const Scale& = {}, const DeploymentLimits& = {});
  // With this number, and an option that has this value.
  static Wanted revision(const std::string& model, std::uint64_t number, const std::string& value,
                         const Scale& = {});
  static std::shared_ptr<const Options> shared(Options);
  static void change(Wanted&, const std::function<void(DeploymentSpec&)>&);
  void apply(std::vector<Wanted>);
  void limits(unsigned replicas, std::uint64_t bytes = 0);
  void gpus(devices::Gpus);
  std::shared_ptr<Client> send(const std::string& model, std::string body = "x", unsigned loop = 0);
  void send(const std::shared_ptr<Client>&, const std::string& model);
  std::shared_ptr<Client> ask(const std::string& model, std::string path, unsigned loop = 0);
  DeploymentStatus status(const std::string& model);
  void settle();  // runs every loop until what is posted now, and what that posts, has run

  FakeClock clock;
  EventLoops loops;
  FakeLauncher launcher{loops};
  telemetry::Metrics metrics;
  Diary diary;
  metering::Meter meter{[this] { return metering::Moment{clock.now(), clock.wall()}; }};
  KeeperOptions options;
  std::atomic<bool> devices_held{false};
  std::unique_ptr<Deployments> deployments;
};

}  // namespace tenon::lifecycle::testing
