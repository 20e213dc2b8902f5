// What the life cycle adds to a warm request: find, dispatch, answer, through a replica that does
// nothing. Each event loop runs the same; they share the deployment, or have one each.

#include <benchmark/benchmark.h>

#include <boost/asio/post.hpp>
#include <future>
#include <string>
#include <vector>

#include "host/lifecycle/deployments.h"
#include "host/telemetry/log.h"

namespace tenon::lifecycle {
namespace {

constexpr unsigned kLoops = 2;
constexpr unsigned kInFlight = 32;  // of a loop

class IdleReplica final : public workers::Replica {
 public:
  std::expected<workers::RequestId, workers::SubmitError> submit(
      unsigned loop, const workers::RequestView&, workers::ResponseSink& sink) override {
    open[loop].push_back(&sink);
    return 1;
  }
  bool send_body(workers::RequestId, std::span<const std::byte>, bool) override { return true; }
  void grant(workers::RequestId, std::uint64_t) override {}
  void cancel(workers::RequestId) override {}
  void stop(milliseconds) override {
    boost::asio::post(*control, [this] { observer->on_gone({}); });
  }
  std::uint64_t memory_bytes() const override { return 0; }
  std::uint64_t device_bytes(std::size_t) const override { return 0; }
  std::chrono::nanoseconds cpu_time() const override { return {}; }
  int pid() const override { return 0; }

  struct alignas(128) Open : std::vector<workers::ResponseSink*> {};
  Open open[kLoops];
  boost::asio::io_context* control = nullptr;
  workers::ReplicaObserver* observer = nullptr;
};

class Launcher final : public workers::ReplicaLauncher {
 public:
  explicit Launcher(EventLoops& loops) : loops_(loops) {}
  std::shared_ptr<workers::Replica> launch(const workers::ReplicaSpec& spec,
                                           workers::ReplicaObserver& observer) override {
    auto replica = std::make_shared<IdleReplica>();
    replica->control = &loops_.control();
    replica->observer = &observer;
    replicas[spec.model_name] = replica;
    boost::asio::post(loops_.control(), [&observer] { observer.on_ready({}); });
    return replica;
  }
  void estimate(const workers::ReplicaSpec&,
                std::move_only_function<void(Result<workers::Estimate>)>) override {}
  void probe(const workers::ReplicaSpec&,
             std::move_only_function<void(Result<plugins::Probe>)>) override {}
  std::vector<workers::PluginMetric> metrics(const workers::Replica&) const override { return {}; }
  std::map<std::string, std::shared_ptr<IdleReplica>> replicas;

 private:
  EventLoops& loops_;
};

class Client final : public Exchange {
 public:
  explicit Client(unsigned loop) : loop_(loop) {}
  unsigned loop() const override { return loop_; }
  workers::RequestView view() override { return {}; }
  void on_submitted() override {}
  bool can_restart() const override { return true; }
  void on_response(const workers::ResponseMessage&) override { flight.reset(); }
  void on_refused(const Refusal&) override {}
  void on_consumed(std::uint64_t) override {}
  void on_room() override {}
  std::shared_ptr<Flight> flight;

 private:
  unsigned loop_;
};

std::string model(unsigned i) {
  return "model-" + std::to_string(i);
}

// Runs on a loop; returns the time of all rounds.
std::chrono::duration<double> serve(Deployments& deployments, unsigned loop,
                                    const std::string& name, IdleReplica& replica,
                                    std::size_t rounds) {
  std::vector<Client> clients(kInFlight, Client(loop));
  workers::ResponseMessage message;
  message.status = 200;
  message.final = true;
  std::vector<workers::ResponseSink*> open;
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t round = 0; round < rounds; ++round) {
    for (Client& client : clients) {
      client.flight = deployments.dispatch(deployments.find("default", name, "production"), client);
    }
    open.clear();
    open.swap(replica.open[loop]);
    for (workers::ResponseSink* sink : open) sink->on_response(message);
  }
  return std::chrono::steady_clock::now() - begin;
}

void dispatch(benchmark::State& state) {
  const auto busy_loops = static_cast<unsigned>(state.range(0));
  const bool shared = state.range(1) != 0;
  const auto count = static_cast<unsigned>(state.range(2));
  EventLoops loops(kLoops);
  Launcher launcher(loops);
  SystemClock clock;
  telemetry::Metrics metrics;
  log::configure(LogFormat::kText, LogLevel::kError);
  KeeperOptions options;
  options.limits = {8, 0};
  options.cpus.flavor = {FlavorType::kCpu, "x86"};
  Deployments deployments(loops, launcher, clock, metrics, options);
  auto manifest = std::make_shared<plugins::Manifest>();
  std::vector<Wanted> wanted;
  for (unsigned i = 0; i < count; ++i) {
    DeploymentSpec spec;
    spec.key = {"default", model(i), "production"};
    spec.scale = {.min_replicas = i < kLoops ? 1U : 0U, .target = 1'000};
    wanted.push_back({{std::make_shared<const DeploymentSpec>(std::move(spec)), manifest,
                       std::make_shared<const PluginGrant>(), std::make_shared<const Options>()}});
  }
  deployments.apply(std::move(wanted));
  loops.start();
  while (deployments.status()[0].replicas_ready + deployments.status()[1].replicas_ready !=
         kLoops) {
    std::this_thread::yield();
  }
  constexpr std::size_t kRounds = 2'000;
  for (auto _ : state) {
    std::vector<std::future<std::chrono::duration<double>>> times;
    for (unsigned loop = 0; loop < busy_loops; ++loop) {
      const std::string name = model(shared ? 0 : loop);
      std::packaged_task<std::chrono::duration<double>()> task([&, loop, name] {
        return serve(deployments, loop, name, *launcher.replicas.at(name), kRounds);
      });
      times.push_back(task.get_future());
      boost::asio::post(loops.loop(loop), std::move(task));
    }
    double longest = 0;
    for (auto& time : times) longest = std::max(longest, time.get().count());
    state.SetIterationTime(longest);
  }
  // Of one loop: loops run side by side.
  state.counters["ns/request"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kRounds * kInFlight,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  std::promise<void> done;
  boost::asio::post(loops.control(), [&] { deployments.shutdown({}, [&] { done.set_value(); }); });
  done.get_future().wait();
  loops.stop();
  loops.join();
}

BENCHMARK(dispatch)
    ->ArgNames({"loops", "shared", "deployments"})
    ->Args({1, 1, 2})
    ->Args({1, 1, 1'000})
    ->Args({2, 1, 2})
    ->Args({2, 0, 2})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tenon::lifecycle

BENCHMARK_MAIN();
