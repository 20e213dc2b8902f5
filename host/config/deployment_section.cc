#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "host/config/sections.h"
#include "host/domain/environment.h"
#include "host/domain/flavor.h"
#include "host/domain/nearest.h"

namespace tenon::config {
namespace {

constexpr std::int64_t kMostReplicas = 10'000;
constexpr std::int64_t kMostQueued = 1'000'000;
constexpr std::int64_t kMostTarget = 10'000'000;
constexpr std::int64_t kMostDevices = 16;
constexpr milliseconds kLeastWindow{6'000};
constexpr milliseconds kMostWindow{3'600'000};

template <class T, class U>
void take(T& field, const std::optional<U>& value) {
  if (value) field = static_cast<T>(*value);
}

// The plugin that is named; null when it is not there, or which there are is not known.
const plugins::Manifest* read_runtime(Table& table, const std::vector<plugins::Manifest>* plugins,
                                      std::string& name) {
  const auto runtime = table.required_text("runtime");
  if (runtime) name = runtime->value;
  if (!runtime || !plugins) return nullptr;
  std::vector<std::string_view> ids;
  for (const auto& manifest : *plugins) {
    if (manifest.id == runtime->value) return &manifest;
    ids.push_back(manifest.id);
  }
  if (runtime->value == "auto") {
    table.problem(runtime->at,
                  "runtime 'auto' is not yet supported in this version: name a plugin");
    return nullptr;
  }
  std::string hint = did_you_mean(runtime->value, ids);
  if (hint.empty()) {
    hint = ids.empty() ? std::string("; no plugin was found in the folders of 'plugins' in [host]")
                       : fmt::format("; installed are {}", fmt::join(ids, ", "));
  }
  table.problem(runtime->at, fmt::format("there is no runtime '{}'{}", runtime->value, hint));
  return nullptr;
}

std::string read_origin(Table& table, const Surroundings* surroundings) {
  const auto origin = table.required_text("origin");
  if (!origin) return {};
  constexpr std::string_view kFile = "file:";
  std::string_view path = origin->value;
  if (path.starts_with("hf:")) {
    table.problem(origin->at,
                  "origins 'hf:' are not yet supported in this version: download the "
                  "model and name its folder as \"file:PATH\"");
    return {};
  }
  if (!path.starts_with(kFile) || path.size() == kFile.size()) {
    table.problem(origin->at, fmt::format("'{}' is no origin: expected \"file:PATH\" with the "
                                          "model's folder",
                                          path));
    return {};
  }
  path.remove_prefix(kFile.size());
  if (!surroundings) return std::string(path);
  std::string folder = surroundings->absolute(std::string(path));
  if (!surroundings->is_folder(folder)) {
    table.problem(origin->at, fmt::format("'{}': there is no folder {}", origin->value, folder));
  }
  return folder;
}

void read_flavors(Table& table, const plugins::Manifest* plugin, std::vector<std::string>& out) {
  const auto flavors = table.strings("flavors");
  if (!flavors) return;
  std::optional<FlavorType> type;
  for (const auto& [text, at] : *flavors) {
    const auto flavor = parse_flavor(text);
    if (!flavor) {
      table.problem(at, flavor.error().message);
      continue;
    }
    std::string name = to_string(*flavor);
    if (type && *type != flavor->type) {
      table.problem(at, "'flavors' must be CPU or GPU flavors, never both");
    } else if (plugin && !plugin->runs_on(name)) {
      table.problem(at, fmt::format("runtime '{}' does not run on flavor '{}'; it runs on {}",
                                    plugin->id, name, fmt::join(plugin->flavors, ", ")));
    } else {
      out.push_back(std::move(name));
    }
    type = flavor->type;
  }
}

// What only GPUs have, of a deployment that names none.
void check_devices(Table& table, const DeploymentSpec& spec) {
  const bool gpus = !spec.flavors.empty() && spec.flavors[0].starts_with("gpu/");
  if (spec.devices_per_replica > 1 && !gpus) {
    table.problem(table.position("devicesPerReplica"),
                  fmt::format("'devicesPerReplica' is {}, and 'flavors' names no GPU",
                              spec.devices_per_replica));
  }
  if (gpus && spec.isolation == Isolation::kHost) {
    table.problem(table.position("isolation"),
                  "devices are leased to workers only: expected isolation = \"worker\"");
  }
}

Isolation read_isolation(Table& table, const plugins::Manifest* plugin,
                         const std::vector<PluginGrant>* grants) {
  const auto isolation = table.one_of<Isolation>(
      "isolation", {{"worker", Isolation::kWorker}, {"host", Isolation::kHost}});
  if (isolation != Isolation::kHost || !plugin || !grants) {
    return isolation.value_or(Isolation::kWorker);
  }
  const auto grant = std::ranges::find(*grants, plugin->id, &PluginGrant::name);
  if (plugin->requires_worker) {
    table.problem(table.position("isolation"),
                  fmt::format("plugin '{}' must run in a worker: expected isolation = \"worker\"",
                              plugin->id));
  } else if (grant == grants->end() || !grant->host_isolation) {
    table.problem(table.position("isolation"),
                  fmt::format("plugin '{}' may not run inside the host: isolation = \"host\" needs "
                              "hostIsolation = true in its [[plugin]] table",
                              plugin->id));
  }
  return Isolation::kHost;
}

void read_metric(Table& table, Scale& scale) {
  take(scale.metric,
       table.one_of<ScaleMetric>("metric", {{"concurrency", ScaleMetric::kConcurrency},
                                            {"rps", ScaleMetric::kRps},
                                            {"cpu", ScaleMetric::kCpu},
                                            {"memory", ScaleMetric::kMemory}}));
  if (scale.metric == ScaleMetric::kRps) scale.target = 200;
  if (scale.metric == ScaleMetric::kCpu) scale.target = 80;
  if (scale.metric == ScaleMetric::kMemory && !table.has("target")) {
    table.problem(table.position("metric"), "metric 'memory' needs a 'target': MiB of a replica");
  }
  take(scale.target, table.integer("target", 1, kMostTarget));
}

void read_scale(Table& table, Scale& scale) {
  take(scale.min_replicas, table.integer("minReplicas", 0, kMostReplicas));
  take(scale.max_replicas, table.integer("maxReplicas", 1, kMostReplicas));
  read_metric(table, scale);
  take(scale.scale_up_minimum, table.integer("scaleUpMinimum", 1, kMostReplicas));
  take(scale.last_replica_retention, table.duration("lastReplicaRetention"));
  take(scale.scale_down_delay, table.duration("scaleDownDelay"));
  take(scale.stable_window, table.duration("stableWindow"));
  if (scale.stable_window < kLeastWindow || scale.stable_window > kMostWindow) {
    table.problem(table.position("stableWindow"), "'stableWindow' must be from 6s to 1h");
  }
  if (scale.scale_up_minimum > scale.max_replicas) {
    table.problem(table.position("scaleUpMinimum"),
                  fmt::format("'scaleUpMinimum' is {}, more than 'maxReplicas', which is {}",
                              scale.scale_up_minimum, scale.max_replicas));
  }
  if (scale.min_replicas > scale.max_replicas) {
    table.problem(table.position(table.has("minReplicas") ? "minReplicas" : "maxReplicas"),
                  fmt::format("'minReplicas' is {}, more than 'maxReplicas', which is {}",
                              scale.min_replicas, scale.max_replicas));
  }
}

void read_limits(Table& table, DeploymentLimits& limits) {
  take(limits.max_wait, table.duration("maxWait"));
  take(limits.queue, table.integer("queue", 1, kMostQueued));
  take(limits.load_timeout, table.duration("loadTimeout"));
  if (limits.load_timeout == milliseconds(0)) {
    table.problem(table.position("loadTimeout"), "'loadTimeout' must be more than zero");
  }
  take(limits.answer_timeout, table.duration("answerTimeout"));
  if (limits.answer_timeout == milliseconds(0)) {
    table.problem(table.position("answerTimeout"), "'answerTimeout' must be more than zero");
  }
  const auto memory = table.size("memory");
  take(limits.memory, memory);
  if (memory == 0) table.problem(table.position("memory"), "'memory' must be more than zero");
  const auto device_memory = table.size("deviceMemory");
  take(limits.device_memory, device_memory);
  if (device_memory == 0) {
    table.problem(table.position("deviceMemory"), "'deviceMemory' must be more than zero");
  }
}

CanaryShare read_canary(Table& table) {
  CanaryShare share;
  if (!table.has("weight")) {
    table.problem(table.position(), "'weight' is missing: which percentage of the requests");
  }
  take(share.weight, table.integer("weight", 1, 99));
  return share;
}

bool is_variable(std::string_view name) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, is_word);
}

// NAME = "value", or NAME = { value = "…", secret = true }.
void read_environment(Table& table, DeploymentSpec& spec) {
  for (const std::string& name : table.keys()) {
    if (!is_variable(name)) {
      table.problem(table.key_position(name),
                    fmt::format("'{}' is no name of an environment value: expected letters, digits "
                                "and _, no digit first",
                                name));
    }
    std::optional<Text> value;
    if (table.is_table(name)) {
      auto inner = table.table(name);
      if (inner->boolean("secret").value_or(false)) spec.secrets.push_back(name);
      value = inner->text("value");
      // What is read back of a secret has no value: whoever sends that means the one that is kept.
      if (!inner->has("value")) value = Text{"", inner->position()};
    } else {
      value = table.text(name);
    }
    if (!value) continue;
    if (value->value.contains('\0')) {
      table.problem(value->at, fmt::format("'{}' holds a zero byte", name));
    }
    spec.environment.emplace_back(name, std::move(value->value));
  }
}

}  // namespace

DeploymentSpec read_deployment(Table& table, const ResourceContext& context) {
  DeploymentSpec spec;
  spec.key.model = checked_name(table, "model", table.required_text("model"));
  spec.key.environment = kProduction;
  if (auto name = table.text("environment")) {
    spec.key.environment = checked_name(table, "environment", std::move(name));
  }
  const plugins::Manifest* plugin = read_runtime(table, context.plugins, spec.runtime);
  spec.model_path = read_origin(table, context.surroundings);
  if (const auto enabled = table.boolean("enabled")) spec.enabled = *enabled;
  read_flavors(table, plugin, spec.flavors);
  take(spec.devices_per_replica, table.integer("devicesPerReplica", 1, kMostDevices));
  spec.policies = read_names(table, "policies", "policy");
  spec.isolation = read_isolation(table, plugin, context.grants);
  check_devices(table, spec);
  if (auto scale = table.table("scale")) read_scale(*scale, spec.scale);
  if (auto limits = table.table("limits")) read_limits(*limits, spec.limits);
  if (auto canary = table.table("canary")) spec.canary = read_canary(*canary);
  if (auto environment = table.table("env")) read_environment(*environment, spec);
  auto options = table.table("options");
  if (plugin) {
    spec.given = read_options(std::move(options), *plugin);
  } else {
    spec.given = read_unjudged(std::move(options));
  }
  table.later({"primary", "burst", "warm"});
  return spec;
}

}  // namespace tenon::config
