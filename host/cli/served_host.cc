#include "host/cli/served_host.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "host/access/open_mode.h"
#include "host/cli/plugin_metrics.h"
#include "host/config/changes.h"
#include "host/plugins/pin.h"
#include "host/telemetry/log.h"

namespace tenon::cli {
namespace {

// How long replicas without a request may take to end.
constexpr milliseconds kReplicaGrace{2'000};
// After a second signal: whatever still holds on is left behind.
constexpr milliseconds kLastResort{3'000};

workers::LauncherOptions launcher_options(const Config& config) {
  workers::LauncherOptions options;
  options.processes.worker = program_folder() + "/tenon-worker";
  options.processes.data = config.host.data;
  // A template may read what its replicas will; a folder that a reload adds costs its replicas the
  // fork.
  std::set<std::string> roots(config.host.model_roots.begin(), config.host.model_roots.end());
  for (const auto& deployment : config.deployments) roots.insert(deployment.model_path);
  options.processes.model_roots.assign(roots.begin(), roots.end());
  return options;
}

lifecycle::RoomLimits capacity(const HostLimits& limits, const devices::Cpus& cpus) {
  return {limits.replicas, limits.memory ? limits.memory : devices::usable_memory(cpus)};
}

lifecycle::KeeperOptions keeper_options(const HostLimits& limits, const devices::Cpus& cpus) {
  lifecycle::KeeperOptions options;
  options.limits = capacity(limits, cpus);
  options.drain = limits.drain;
  options.threads = cpus.usable;
  return options;
}

std::vector<lifecycle::Wanted> wanted(const Config& config,
                                      const std::vector<plugins::Manifest>& found) {
  std::map<std::string_view, std::shared_ptr<const plugins::Manifest>> manifests;
  for (const auto& manifest : found) {
    manifests.emplace(manifest.id, std::make_shared<const plugins::Manifest>(manifest));
  }
  std::vector<lifecycle::Wanted> out;
  out.reserve(config.deployments.size());
  for (const DeploymentSpec& spec : config.deployments) {
    PluginGrant grant;
    grant.name = spec.runtime;
    const auto given = std::ranges::find(config.plugins, spec.runtime, &PluginGrant::name);
    if (given != config.plugins.end()) grant = *given;
    out.push_back({spec, manifests.at(spec.runtime), std::move(grant)});
  }
  return out;
}

devices::WatchOptions watch_options(const std::vector<FlavorRule>& rules) {
  devices::WatchOptions options;
  options.helper = program_folder() + "/tenon-devices";
  options.environment = devices::own_environment();
  options.rules = rules;
  return options;
}

access::Sha256 random_secret() {
  access::Sha256 out;
  access::system_random()(out);
  return out;
}

std::string to_text(const ListenAddress& address) {
  if (!address.path.empty()) return "unix:" + address.path;
  return address.host.contains(':') ? fmt::format("[{}]:{}", address.host, address.port)
                                    : fmt::format("{}:{}", address.host, address.port);
}

// A host that everybody may command is reached from its own machine only.
Result<void> check_reach(const HostSpec& host) {
  for (const auto* addresses : {&host.listen, &host.control_listen}) {
    for (const ListenAddress& address : *addresses) {
      if (!address.path.empty() || access::is_loopback_address(address.host)) continue;
      return fail(
          Code::kPrecondition,
          fmt::format("does not listen on {}: there are no API keys, so whoever reaches that "
                      "address could do everything; listen on 127.0.0.1 or [::1]",
                      to_text(address)));
    }
  }
  return {};
}

}  // namespace

Result<Loaded> load(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  Machine machine;
  auto config = config::read_config(*text, path, machine);
  if (!config) return std::unexpected(config.error().error());
  const auto pinned = plugins::check_pins(machine.found(), config->plugins);
  if (!pinned) return std::unexpected(pinned.error());
  return Loaded{*std::move(config), machine.found()};
}

ServedHost::ServedHost(Loaded loaded)
    : config_(std::move(loaded.config)),
      cpus_(devices::read_cpus()),
      loops_(config_.host.loops ? config_.host.loops : cpus_.usable),
      launcher_(loops_, launcher_options(config_)),
      deployments_(loops_, launcher_, clock_, metrics_, keeper_options(config_.host.limits, cpus_)),
      access_(random_secret()),
      api_(deployments_),
      control_(loops_, {.metrics = [this] { return metrics_.render(); },
                        .ready = [this]() -> std::optional<std::string> {
                          return stopping_ ? std::optional<std::string>("stopping") : std::nullopt;
                        },
                        .api =
                            [this](const control::Request& request,
                                   const std::shared_ptr<control::Reply>& reply) {
                              api_.handle(request, *reply);
                            }}),
      gateway_(loops_, deployments_, control_, access_, metrics_, config_.host),
      devices_(std::make_shared<devices::DeviceWatch>(
          loops_.control(), watch_options(config_.flavors), devices::DeviceWatch::Told())),
      signals_(loops_.control(), SIGTERM, SIGINT, SIGHUP),
      last_resort_(loops_.control()) {
  metrics_.add_collector([this](telemetry::Metrics::Families& families) {
    PluginMetrics plugins;
    deployments_.for_each_replica([&](const DeploymentKey& key, const workers::Replica& replica) {
      plugins.add(key, launcher_.metrics(replica));
    });
    std::ranges::move(plugins.families(), std::back_inserter(families));
  });
  apply(config_, loaded.plugins);
}

Result<void> ServedHost::start() {
  if (access_.open()) {
    if (auto reach = check_reach(config_.host); !reach) return reach;
    log::warn("open: there are no API keys, so everybody on this machine may do everything");
  }
  if (auto bound = gateway_.listen(); !bound) return bound;
  await_signals();
  return {};
}

void ServedHost::run() {
  for (const ListenAddress& address : gateway_.addresses()) {
    log::info("listening", {{"url", (!address.path.empty() ? ""
                                     : config_.host.tls    ? "https://"
                                                           : "http://") +
                                        to_text(address)}});
  }
  log::info("serving", {{"config", config_.file},
                        {"deployments", config_.deployments.size()},
                        {"loops", loops_.size()}});
  boost::asio::post(loops_.control(), [watch = devices_] { watch->refresh(); });
  loops_.start();
  loops_.join();
  control_.close();
  log::info("stopped");
}

void ServedHost::apply(const Config& config, const std::vector<plugins::Manifest>& found) {
  access_.set_rate(config.host.limits.requests_per_key);
  deployments_.apply(wanted(config, found));
  // What reading took (a tree of the file, mostly) goes back to the system.
  ::malloc_trim(0);
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
    if (!stopping_) reload();
  } else if (!stopping_) {
    stop();
  } else {
    stop_at_once();
  }
}

void ServedHost::stop() {
  log::info("stopping", {{"drain_seconds", config_.host.limits.drain.count() / 1000}});
  stopping_ = true;
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
  last_resort_.async_wait([this](boost::system::error_code error) {
    if (!error) loops_.stop();
  });
}

void ServedHost::reload() {
  gateway_.reload_tls();
  auto loaded = load(config_.file);
  if (!loaded) {
    std::istringstream lines(loaded.error().message);
    for (std::string line; std::getline(lines, line);) {
      log::error("configuration not changed", {{"error", line}});
    }
    return;
  }
  const config::Changes changes = config::changes(config_, loaded->config);
  for (const std::string& key : changes.restart) {
    log::warn("configuration change waits for a restart", {{"key", key}});
  }
  if (changes.logs) log::configure(loaded->config.host.log_format, loaded->config.host.log_level);
  if (changes.capacity) {
    deployments_.set_limits(capacity(loaded->config.host.limits, cpus_), config_.host.limits.drain);
  }
  apply(loaded->config, loaded->plugins);
  log::info("configuration changed", {{"added", changes.added.size()},
                                      {"changed", changes.changed.size()},
                                      {"removed", changes.removed.size()}});
  config_ = config::in_force(config_, std::move(loaded->config));
}

}  // namespace tenon::cli
