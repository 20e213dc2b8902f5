// A host that starts a replica and its template, says so, and waits to be killed.
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cstdio>

#include "host/workers/launcher.h"

namespace {

struct Waiting : tenon::workers::ReplicaObserver {
  void on_progress(double, std::string_view) override {}
  void on_ready(const tenon::workers::StartTimes&) override {
    std::printf("%d\n", replica->pid());
    std::fflush(stdout);
  }
  void on_gone(const tenon::workers::Gone& why) override {
    std::printf("gone: %s\n", why.error.message.c_str());
    std::fflush(stdout);
  }
  void on_room(unsigned) override {}
  std::shared_ptr<tenon::workers::Replica> replica;
};

}  // namespace

// Arguments: build folder, model folder, and, if it shall be limited, the replica's memory in
// bytes.
int main(int argc, char** argv) {
  using namespace tenon;
  EventLoops loops(1);
  workers::LauncherOptions options;
  options.processes.worker = std::string(argv[1]) + "/bin/tenon-worker";
  options.processes.model_roots = {argv[2]};
  workers::Launcher launcher(loops, options);
  Waiting observer;
  loops.start();
  boost::asio::post(loops.control(), [&] {
    workers::ReplicaSpec spec;
    spec.deployment = "default/echo@production";
    spec.plugin.id = "echo";
    spec.plugin.library = std::string(argv[1]) + "/plugins/echo/tenon_echo.so";
    spec.model_name = "echo";
    spec.model_path = argv[2];
    if (argc > 3) spec.lease.memory_bytes = std::stoull(argv[3]);
    observer.replica = launcher.launch(spec, observer);
  });
  ::pause();
  return 0;
}
