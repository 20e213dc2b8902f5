#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/loop/event_loops.h"
#include "host/workers/replica.h"
#include "host/workers/templates.h"
#include "host/workers/worker_replica.h"

namespace tenon::workers {

struct LauncherOptions {
  ProcessOptions processes;
  Supervision supervision;
  milliseconds question_limit{10'000};  // an estimate or a probe not answered is given up
};

// Starts replicas as worker processes, or inside the host where the deployment says so. [control]
class Launcher final : public ReplicaLauncher {
 public:
  Launcher(EventLoops&, LauncherOptions);
  // The loops have ended, or no replica is left.
  ~Launcher() override;

  std::shared_ptr<Replica> launch(const ReplicaSpec&, ReplicaObserver&) override;
  void estimate(const ReplicaSpec&, std::move_only_function<void(Result<Estimate>)>) override;
  void probe(const ReplicaSpec&, std::move_only_function<void(Result<plugins::Probe>)>) override;
  std::vector<PluginMetric> metrics(const Replica&) const override;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace tenon::workers
