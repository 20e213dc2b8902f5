// The hop to a plugin alone, without HTTP: round trips of a 4-byte body from an event loop to echo
// and back, in a worker and inside the host, and what starting a worker takes.
//   hop_bench BUILD_FOLDER MODEL_FOLDER [--pinned]
#include <sched.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "host/loop/event_loops.h"
#include "host/workers/launcher.h"

namespace {

using namespace tenon;
using Clock = std::chrono::steady_clock;
using Micros = std::chrono::duration<double, std::micro>;

struct Observer : workers::ReplicaObserver {
  void on_progress(double, std::string_view) override {}
  void on_ready(const workers::StartTimes& times) override { ready.set_value(times); }
  void on_gone(const workers::Gone&) override { gone.set_value(); }
  void on_room(unsigned) override {}
  std::promise<workers::StartTimes> ready;
  std::promise<void> gone;
};

double median(std::vector<double>& values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

// One request after another; each starts on the loop after the last was answered.
struct PingPong : workers::ResponseSink {
  PingPong(workers::Replica& r, boost::asio::io_context& l, std::size_t n)
      : replica(r), loop(l), rounds(n) {}
  void next() {
    sent = Clock::now();
    workers::RequestView view;
    view.method = "POST";
    view.path = "/";
    view.request_id = "bench";
    view.body = std::as_bytes(std::span("ping", 4));
    view.credit = 1 << 16;
    if (!replica.submit(0, view, *this)) std::abort();
  }
  void on_response(const workers::ResponseMessage& message) override {
    if (!message.final) return;
    times.push_back(Micros(Clock::now() - sent).count());
    if (times.size() == rounds) return done.set_value();
    boost::asio::post(loop, [this] { next(); });
  }
  void on_consumed(std::uint64_t) override {}

  workers::Replica& replica;
  boost::asio::io_context& loop;
  std::size_t rounds;
  Clock::time_point sent;
  std::vector<double> times;
  std::promise<void> done;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  if (argc > 3 && std::strcmp(argv[3], "--pinned") == 0) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    ::sched_setaffinity(0, sizeof one, &one);
  }
  const std::string build = std::filesystem::absolute(argv[1]);
  const std::string model = std::filesystem::absolute(argv[2]);
  EventLoops loops(1);
  workers::LauncherOptions options;
  options.processes.worker = build + "/bin/tenon-worker";
  options.processes.model_roots = {model};
  workers::Launcher launcher(loops, options);
  loops.start();
  workers::ReplicaSpec spec;
  spec.deployment = "default/echo@production";
  spec.plugin.id = "echo";
  spec.plugin.library = build + "/plugins/echo/tenon_echo.so";
  spec.model_name = "echo";
  spec.model_path = model;

  const auto with_replica = [&](auto use) {
    Observer observer;
    std::shared_ptr<workers::Replica> replica;
    const auto began = Clock::now();
    boost::asio::post(loops.control(), [&] { replica = launcher.launch(spec, observer); });
    const auto times = observer.ready.get_future().get();
    use(*replica, times, Micros(Clock::now() - began).count());
    boost::asio::post(loops.control(), [&] { replica->stop(milliseconds(1'000)); });
    observer.gone.get_future().get();
  };
  const auto round_trips = [&](const char* where) {
    with_replica([&](workers::Replica& replica, const auto&, double) {
      PingPong game(replica, loops.loop(0), 20'000);
      boost::asio::post(loops.loop(0), [&] { game.next(); });
      game.done.get_future().get();
      std::ranges::sort(game.times);
      std::printf("%-28s p50 %7.2f us  p99 %7.2f us\n", where, game.times[game.times.size() / 2],
                  game.times[game.times.size() * 99 / 100]);
    });
  };
  round_trips("round trip, worker");
  std::vector<double> forks, starts;
  for (int i = 0; i < 100; ++i) {
    with_replica([&](workers::Replica&, const workers::StartTimes& times, double took) {
      forks.push_back(Micros(times.fork).count());
      starts.push_back(took);
    });
  }
  std::printf("%-28s p50 %7.0f us\n", "launch -> process runs", median(forks));
  std::printf("%-28s p50 %7.0f us\n", "launch -> echo ready", median(starts));
  spec.isolation = Isolation::kHost;
  round_trips("round trip, inside the host");
  return 0;
}
