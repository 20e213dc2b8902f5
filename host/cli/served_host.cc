#include "host/cli/served_host.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>
#include <utility>

#include "host/access/open_mode.h"
#include "host/access/token_secret.h"
#include "host/cli/plugin_metrics.h"
#include "host/cli/wanted.h"
#include "host/config/changes.h"
#include "host/control/usage_metrics.h"
#include "host/store/sqlite_store.h"
#include "host/telemetry/log.h"

namespace tenon::cli {
namespace {

// How long replicas without a request may take to end.
constexpr milliseconds kReplicaGrace{2'000};
// After a change, until the memory that it took goes back to the system.
constexpr milliseconds kUntilTrim{2'000};
// After a second signal: whatever still holds on is left behind.
constexpr milliseconds kLastResort{3'000};
// How often who waits for the control loop looks whether the host stops.
constexpr milliseconds kLook{50};

workers::LauncherOptions launcher_options(const Config& config) {
  workers::LauncherOptions options;
  options.processes.worker = program_folder() + "/tenon-worker";
  options.processes.data = config.host.data;
  // A template may read what its replicas will; a folder that a reload adds costs its replicas the
  // fork.
  std::set<std::string> roots(config.host.model_roots.begin(), config.host.model_roots.end());
  for (const Draft& draft : config.resources) {
    const auto* spec = std::get_if<DeploymentSpec>(&draft.spec);
    if (spec) roots.insert(spec->model_path);
  }
  options.processes.model_roots.assign(roots.begin(), roots.end());
  return options;
}

lifecycle::RoomLimits capacity(const HostLimits& limits, const devices::Cpus& cpus) {
  return {limits.replicas, limits.memory ? limits.memory : devices::usable_memory(cpus)};
}

devices::WatchOptions watch_options(const std::vector<FlavorRule>& rules) {
  devices::WatchOptions options;
  options.helper = program_folder() + "/tenon-devices";
  options.environment = devices::own_environment();
  options.rules = rules;
  return options;
}

// A host that everybody may command is reached from its own machine only.
Result<void> check_reach(const Config& config) {
  for (const auto* addresses : {&config.host.listen, &config.host.control_listen}) {
    for (const ListenAddress& address : *addresses) {
      if (!address.path.empty() || access::is_loopback_address(address.host)) continue;
      return fail(
          Code::kPrecondition,
          fmt::format("does not listen on {}: there are no API keys, so whoever reaches that "
                      "address could do everything; make one with `tenon keys create --role "
                      "admin --config {}`, or listen on 127.0.0.1 or [::1]",
                      to_string(address), config.file));
    }
  }
  return {};
}

void log_lines(const std::string& errors) {
  std::istringstream lines(errors);
  for (std::string line; std::getline(lines, line);) {
    log::error("configuration not changed", {{"error", line}});
  }
}

// Passes on whose status is new, however many at once, on a thread that may block.
class News final : public lifecycle::LifeObserver {
 public:
  using Run = std::function<void(std::function<void()>)>;
  using Tell = std::function<void(const DeploymentKey&)>;
  News(Run run, Tell tell) : run_(std::move(run)), tell_(std::move(tell)) {}

  void on_event(const DeploymentKey& key, const lifecycle::LifeEvent&) override {
    {
      const std::lock_guard lock(mutex_);
      if (!untold_.empty() && untold_.back() == key) return;
      untold_.push_back(key);
      if (untold_.size() > 1) return;
    }
    run_([this] {
      std::vector<DeploymentKey> all;
      {
        const std::lock_guard lock(mutex_);
        all.swap(untold_);
      }
      for (const DeploymentKey& each : all) tell_(each);
    });
  }
  void on_revision(const DeploymentKey&, std::uint64_t, Outcome, std::string_view) override {}

 private:
  const Run run_;
  const Tell tell_;
  std::mutex mutex_;  // of what follows
  std::vector<DeploymentKey> untold_;
};

}  // namespace

Result<Kept> open_kept(const std::string& data) {
  auto store = store::SqliteStore::open(data + "/tenon.db");
  if (!store) return std::unexpected(store.error());
  const auto secret = access::token_secret(data, access::system_random());
  if (!secret) return std::unexpected(secret.error());
  return Kept{*std::move(store), *secret};
}

lifecycle::KeeperOptions ServedHost::keeper_options() {
  lifecycle::KeeperOptions options;
  options.limits = capacity(config_.host.limits, cpus_);
  options.drain = config_.host.limits.drain;
  options.cpus = cpus_;
  options.devices_held = [this](bool any) { devices_->set_in_use(any); };
  return options;
}

ServedHost::ServedHost(Loaded loaded, Kept kept)
    : config_(loaded.config),
      files_(std::move(loaded.files)),
      stamps_(std::move(loaded.stamps)),
      store_(std::move(kept.store)),
      cpus_(devices::read_cpus()),
      loops_(config_.host.loops ? config_.host.loops : cpus_.usable),
      launcher_(loops_, launcher_options(config_)),
      usage_(loops_.control(), [this](auto what) { control_.run(std::move(what)); }),
      events_(
          loops_.control(), [this](auto what) { control_.run(std::move(what)); }, *store_),
      served_([this](auto what) { control_.run(std::move(what)); }),
      logs_(std::make_shared<control::LogBook>(loops_, control::LogBook::Limits())),
      deployments_(loops_, launcher_, clock_, metrics_, keeper_options(), &life_, &usage_.meter()),
      access_(kept.token_secret),
      keys_(*store_, access_, access::system_random(), std::chrono::system_clock::now),
      control_(loops_,
               {.metrics = [this] { return metrics_.render(); },
                .ready = [this]() -> std::optional<std::string> {
                  return stopping_ ? std::optional<std::string>("stopping") : std::nullopt;
                },
                .api =
                    [this](const control::Request& request, std::shared_ptr<control::Reply> reply) {
                      api_->handle(request, std::move(reply));
                    }}),
      gateway_(loops_, deployments_, control_, access_, metrics_, config_.host),
      devices_(std::make_shared<devices::DeviceWatch>(
          loops_.control(), watch_options(config_.flavors),
          [this](const devices::Gpus& gpus) { deployments_.set_gpus(gpus); })),
      keeper_({.loop = loops_.control(),
               .run = [this](auto what) { control_.run(std::move(what)); },
               .read =
                   [this, workspace = config_.host.workspace](std::string_view text,
                                                              const std::string& path) {
                     const auto now = known();
                     return resources_in(text, path,
                                         {workspace, &now->plugins, &now->grants, &machine_});
                   },
               .reload = [this] { boost::asio::post(loops_.control(), [this] { reload(); }); },
               .on_problems =
                   [&gauge = metrics_.gauge("tenon_manifest_problems",
                                            "Files and folders of resources that are not in force "
                                            "as they are")](std::size_t count) {
                     gauge = static_cast<std::int64_t>(count);
                   }}),
      signals_(loops_.control(), SIGTERM, SIGINT, SIGHUP),
      trim_(loops_.control()),
      last_resort_(loops_.control()) {
  metrics_.add_collector([this](telemetry::Metrics::Families& families) {
    PluginMetrics plugins;
    deployments_.for_each_replica([&](const DeploymentKey& key, const workers::Replica& replica) {
      plugins.add(key, launcher_.metrics(replica));
    });
    std::ranges::move(plugins.families(), std::back_inserter(families));
    control::add_usage(usage_.totals(), families);
    control::add_budgets(
        usage_.pools().readings(std::chrono::floor<std::chrono::seconds>(clock_.wall())), families);
  });
  set_known(loaded);
}

Result<void> ServedHost::start() {
  if (auto loaded = keys_.load(); !loaded) return loaded;
  if (access_.open()) {
    if (auto reach = check_reach(config_); !reach) return reach;
    log::warn("open: there are no API keys, so everybody on this machine may do everything");
  }
  if (auto opened = usage_.open(*store_); !opened) return opened;
  if (auto opened = served_.open(*store_); !opened) return opened;
  auto catalog = control::Catalog::open(
      *store_, config_.host.workspace,
      {.model_roots = config_.host.model_roots, .replicas = config_.host.limits.replicas},
      std::chrono::system_clock::now);
  if (!catalog) return std::unexpected(catalog.error());
  catalog_ = *std::move(catalog);
  api_ = std::make_unique<control::Api>(
      control::Api::Parts{loops_, *catalog_, *store_, deployments_, [this] { return known(); },
                          machine_, config_.host.workspace, keys_, access_, usage_, events_, *logs_,
                          [this](std::string_view manager) { return keeper_.problem_of(manager); },
                          deployments_.ledger(), boost::asio::ip::host_name(), metrics_});
  news_ = std::make_unique<News>([this](auto what) { control_.run(std::move(what)); },
                                 [this](const DeploymentKey& key) {
                                   if (!stopping_) api_->watches().on_status(key);
                                 });
  log::listen([logs = logs_](const log::Line& line) { logs->add(line); });
  if (auto applied = keeper_.apply(*catalog_, files_, config_.host); !applied) {
    return std::unexpected(applied.error());
  }
  file_ = files_.front().path;
  files_ = {};
  access_.set_rate(config_.host.limits.requests_per_key);
  follow(catalog_->snapshot(), &served_);
  ::malloc_trim(0);  // what reading took: trees of the files, mostly
  // That a host starts is news of none of its deployments.
  life_.add(*news_);
  life_.add(usage_);
  life_.add(events_);
  life_.add(served_);
  catalog_->listen([this](const std::shared_ptr<const control::Snapshot>& snapshot) {
    api_->watches().on_snapshot(snapshot);
    logs_->keep_only(*snapshot);
    // Who is told that something is written finds it done.
    auto followed = std::make_shared<std::promise<void>>();
    auto done = followed->get_future();
    boost::asio::post(loops_.control(), [this, snapshot, followed] {
      follow(snapshot);
      trim_soon();
      followed->set_value();
    });
    while (!stopping_ && done.wait_for(kLook) == std::future_status::timeout) {
    }
  });
  if (auto bound = gateway_.listen(); !bound) return bound;
  keeper_.watch(*catalog_, file_, config_.host, std::move(stamps_));
  await_signals();
  return {};
}

void ServedHost::run() {
  keys_.keep_notes();
  for (const ListenAddress& address : gateway_.addresses()) {
    log::info("listening", {{"url", (!address.path.empty() ? ""
                                     : config_.host.tls    ? "https://"
                                                           : "http://") +
                                        to_string(address)}});
  }
  log::info(
      "serving",
      {{"config", config_.file}, {"deployments", deployments_.size()}, {"loops", loops_.size()}});
  boost::asio::post(loops_.control(), [watch = devices_] { watch->refresh(); });
  loops_.start();
  loops_.join();
  log::listen(nullptr);
  control_.close();
  (void)usage_.save();  // the log tells why not
  (void)events_.save();
  log::info("stopped");
}

void ServedHost::follow(const std::shared_ptr<const control::Snapshot>& snapshot,
                        const control::ServedRevisions* past) {
  const auto known = this->known();
  if (!blueprints_ || blueprints_->known() != known) {
    blueprints_ = std::make_unique<Blueprints>(known);
  }
  deployments_.apply(
      wanted(*snapshot, *blueprints_, {config_.host.location, cpus_.flavor}, usage_.pools(), past));
  blueprints_->forget_unused();
}

// Whoever made the change still holds what reading it took, and its events are not written yet.
void ServedHost::trim_soon() {
  if (std::exchange(trims_, true)) return;
  trim_.expires_after(kUntilTrim);
  trim_.async_wait([this](boost::system::error_code error) {
    trims_ = false;
    if (!error) control_.run([] { ::malloc_trim(0); });
  });
}

std::shared_ptr<const control::Known> ServedHost::known() const {
  const std::lock_guard lock(known_mutex_);
  return known_;
}

void ServedHost::set_known(Loaded& loaded) {
  auto known = std::make_shared<control::Known>(
      control::Known{std::move(loaded.plugins), loaded.config.plugins});
  const std::lock_guard lock(known_mutex_);
  known_ = std::move(known);
}

void ServedHost::await_signals() {
  signals_.async_wait([this](boost::system::error_code error, int signal) {
    if (error) return;
    on_signal(signal);
    await_signals();
  });
}

void ServedHost::on_signal(int signal) {
  if (signal == SIGHUP) {
    reload();
  } else if (!stopping_) {
    stop();
  } else {
    stop_at_once();
  }
}

void ServedHost::stop() {
  log::info("stopping", {{"drain_seconds", config_.host.limits.drain.count() / 1000}});
  stopping_ = true;
  keeper_.stop();
  api_->watches().close();
  logs_->close();
  devices_->stop();
  gateway_.drain([this] {
    deployments_.shutdown(at_once_ ? milliseconds(0) : kReplicaGrace, [this] { loops_.stop(); });
  });
}

void ServedHost::stop_at_once() {
  if (at_once_) return;
  log::warn("stopping at once");
  at_once_ = true;
  gateway_.stop();
  deployments_.shutdown(milliseconds(0), [this] { loops_.stop(); });
  last_resort_.expires_after(kLastResort);
  last_resort_.async_wait([](boost::system::error_code error) {
    if (error) return;
    // A plugin that hangs inside the host is waited for by whoever ends it.
    log::error("stopped without waiting for what does not end");
    std::_Exit(EXIT_FAILURE);
  });
}

void ServedHost::reload() {
  if (stopping_) return;
  gateway_.reload_tls();
  auto loaded = load(config_.file);
  if (!loaded) {
    keeper_.note(file_, loaded.error().message);
    return log_lines(loaded.error().message);
  }
  const config::Changes changes = config::changes(config_, loaded->config);
  for (const std::string& key : changes.restart) {
    log::warn("configuration change waits for a restart", {{"key", key}});
  }
  if (changes.logs) log::configure(loaded->config.host.log_format, loaded->config.host.log_level);
  if (changes.capacity) {
    deployments_.set_limits(capacity(loaded->config.host.limits, cpus_), config_.host.limits.drain);
  }
  set_known(*loaded);
  config_ = config::in_force(config_, std::move(loaded->config));
  access_.set_rate(config_.host.limits.requests_per_key);
  control_.run([this, files = std::move(loaded->files), stamps = std::move(loaded->stamps),
                host = config_.host]() mutable {
    const auto applied = keeper_.apply(*catalog_, files, host);
    boost::asio::post(loops_.control(), [this, host, stamps = std::move(stamps)]() mutable {
      // Plugins and grants may have changed though no resource did.
      follow(catalog_->snapshot());
      trim_soon();
      keeper_.watch(*catalog_, file_, host, std::move(stamps));
    });
    if (!applied) return log_lines(applied.error().message);
    log::info(
        "configuration changed",
        {{"added", applied->added}, {"changed", applied->changed}, {"removed", applied->removed}});
  });
}

}  // namespace tenon::cli
