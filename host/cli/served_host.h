#pragma once

#include <atomic>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <string>

#include "host/access/access.h"
#include "host/access/keys.h"
#include "host/cli/blueprints.h"
#include "host/cli/loaded.h"
#include "host/cli/machine.h"
#include "host/cli/manifest_keeper.h"
#include "host/control/api.h"
#include "host/control/control.h"
#include "host/control/event_books.h"
#include "host/control/served_revisions.h"
#include "host/control/usage_books.h"
#include "host/devices/cpus.h"
#include "host/devices/device_watch.h"
#include "host/domain/host_spec.h"
#include "host/gateway/gateway.h"
#include "host/lifecycle/clock.h"
#include "host/lifecycle/deployments.h"
#include "host/loop/event_loops.h"
#include "host/store/store.h"
#include "host/telemetry/metrics.h"
#include "host/workers/launcher.h"

namespace tenon::cli {

// What a host keeps between its runs.
struct Kept {
  std::unique_ptr<store::Store> store;
  access::Sha256 token_secret;
};

// From [host] data, which must be there. The error says which file is in the way.
Result<Kept> open_kept(const std::string& data);

// A running host: the parts, joined. Until run() returns it lives on its own threads.
class ServedHost {
 public:
  ServedHost(Loaded, Kept);

  // Applies what the files hold, listens; no replica has been started when it fails.
  Result<void> start();
  // Serves until SIGTERM or SIGINT: what runs is finished within [host.limits] drain; a second
  // signal ends it at once. SIGHUP reads the file again.
  void run();

 private:
  lifecycle::KeeperOptions keeper_options();
  void await_signals();
  void on_signal(int signal);
  void stop();
  void stop_at_once();
  void reload();
  void follow(const std::shared_ptr<const control::Snapshot>&,
              const control::ServedRevisions* past = nullptr);  // [control]
  void trim_soon();                                             // [control]
  std::shared_ptr<const control::Known> known() const;
  void set_known(Loaded&);

  Config config_;
  std::string file_;                 // of this configuration, absolute
  std::vector<ResourceFile> files_;  // until they are applied first
  ManifestSource::Files stamps_;     // … and watched
  Machine machine_;
  mutable std::mutex known_mutex_;
  std::shared_ptr<const control::Known> known_;
  std::unique_ptr<Blueprints> blueprints_;  // [control]
  const std::unique_ptr<store::Store> store_;
  std::unique_ptr<control::Catalog> catalog_;
  const devices::Cpus cpus_;
  EventLoops loops_;
  std::unique_ptr<control::Api> api_;
  std::atomic<bool> stopping_{false};
  bool at_once_ = false;
  telemetry::Metrics metrics_;
  lifecycle::SystemClock clock_;
  workers::Launcher launcher_;
  lifecycle::LifeObservers life_;
  std::unique_ptr<lifecycle::LifeObserver> news_;  // for those who watch
  control::UsageBooks usage_;
  control::EventBooks events_;
  control::ServedRevisions served_;
  const std::shared_ptr<control::LogBook> logs_;
  lifecycle::Deployments deployments_;
  access::Access access_;
  access::Keys keys_;
  control::Control control_;
  gateway::Gateway gateway_;
  std::shared_ptr<devices::DeviceWatch> devices_;
  ManifestKeeper keeper_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer trim_;
  bool trims_ = false;  // [control]
  boost::asio::steady_timer last_resort_;
};

}  // namespace tenon::cli
