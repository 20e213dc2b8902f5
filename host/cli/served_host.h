#pragma once

#include <atomic>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>

#include "host/access/access.h"
#include "host/cli/machine.h"
#include "host/control/api.h"
#include "host/control/control.h"
#include "host/devices/cpus.h"
#include "host/devices/device_watch.h"
#include "host/domain/host_spec.h"
#include "host/gateway/gateway.h"
#include "host/lifecycle/clock.h"
#include "host/lifecycle/deployments.h"
#include "host/loop/event_loops.h"
#include "host/telemetry/metrics.h"
#include "host/workers/launcher.h"

namespace tenon::cli {

// A configuration file as it was read, with the plugins that it was checked against.
struct Loaded {
  Config config;
  std::vector<plugins::Manifest> plugins;
};

// The error is what an operator is shown: one line for each mistake.
Result<Loaded> load(const std::string& path);

// A running host: the parts, joined. Until run() returns it lives on its own threads.
class ServedHost {
 public:
  explicit ServedHost(Loaded);

  // Listens; nothing has been started when it fails.
  Result<void> start();
  // Serves until SIGTERM or SIGINT: what runs is finished within [host.limits] drain; a second
  // signal ends it at once. SIGHUP reads the file again.
  void run();

 private:
  void await_signals();
  void on_signal(int signal);
  void stop();
  void stop_at_once();
  void reload();
  void apply(const Config&, const std::vector<plugins::Manifest>&);

  Config config_;
  const devices::Cpus cpus_;
  EventLoops loops_;
  std::atomic<bool> stopping_{false};
  bool at_once_ = false;
  telemetry::Metrics metrics_;
  lifecycle::SystemClock clock_;
  workers::Launcher launcher_;
  lifecycle::Deployments deployments_;
  access::Access access_;
  control::Api api_;
  control::Control control_;
  gateway::Gateway gateway_;
  std::shared_ptr<devices::DeviceWatch> devices_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer last_resort_;
};

}  // namespace tenon::cli
