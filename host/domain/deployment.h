#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/domain/option_value.h"

namespace tenon {

using std::chrono::milliseconds;

enum class Isolation : std::uint8_t { kWorker, kHost };

enum class ScaleMetric : std::uint8_t { kConcurrency, kRps, kCpu, kMemory };

// Knative's meanings (docs/scaling.md).
struct Scale {
  unsigned min_replicas = 0;
  unsigned max_replicas = 1;
  ScaleMetric metric = ScaleMetric::kConcurrency;
  unsigned target = 8;  // for each replica: requests at once, requests/s, % of its threads, MiB
  unsigned scale_up_minimum = 1;                // replicas that are started from zero
  milliseconds last_replica_retention{30'000};  // idle time before the last replica goes
  milliseconds scale_down_delay{0};             // how long less must be wanted before any goes
  milliseconds stable_window{60'000};           // over which the metric is averaged

  bool operator==(const Scale&) const = default;
};

struct DeploymentLimits {
  milliseconds max_wait{60'000};         // of a request while no replica is ready; then 503
  unsigned queue = 512;                  // requests waiting at once
  milliseconds load_timeout{300'000};    // without progress, a load is given up
  milliseconds answer_timeout{100'000};  // without a byte from the plugin, a request is given up
  std::uint64_t memory = 0;              // bytes of one replica; 0: by its estimate
  std::uint64_t device_memory = 0;       // … on each of its devices

  bool operator==(const DeploymentLimits&) const = default;
};

// The newest revision is on trial: it gets a part of the requests, an earlier one the rest.
struct CanaryShare {
  unsigned weight = 0;  // percent, 1 to 99
  unsigned stable = 0;  // the earlier revision; 0: not yet held against what there is

  bool operator==(const CanaryShare&) const = default;
};

struct DeploymentKey {
  std::string workspace;
  std::string model;
  std::string environment;

  auto operator<=>(const DeploymentKey&) const = default;
};

// "default/minilm@production", in logs and messages.
std::string to_string(const DeploymentKey&);

// The runtime of a deployment whose plugin the host chooses.
inline constexpr std::string_view kAutoRuntime = "auto";

// One deployment as an operator described it: checked, paths resolved, defaults filled in.
struct DeploymentSpec {
  DeploymentKey key;
  std::string runtime;                // plugin id, or "auto"
  std::string model_path;             // absolute folder of a `file:` origin
  std::uint64_t origin_digest = 0;    // of what lay there when it was written; 0: nobody looked
  std::vector<std::string> flavors;   // "cpu/x86"; empty means CPU
  std::vector<std::string> policies;  // names; they narrow what the environment's allow
  bool enabled = true;                // false: deactivated, its endpoint answers nobody
  Isolation isolation = Isolation::kWorker;
  std::uint16_t devices_per_replica = 1;  // GPUs, of one flavor
  std::optional<CanaryShare> canary{};    // nothing: it gets all requests
  Scale scale;
  DeploymentLimits limits;
  std::vector<GivenOption> given;  // the plugin's own options, as they were written
  std::vector<std::pair<std::string, std::string>> environment;  // values for the worker
  std::vector<std::string> secrets;  // names among them whose value is never shown

  bool operator==(const DeploymentSpec&) const = default;
};

// What makes a revision: all but whether it is on, and how many of the requests it gets.
DeploymentSpec revision_of(DeploymentSpec);

// Names of workspaces, models, environments: 1–63 of [a-z0-9-], beginning and ending with a letter
// or digit.
bool is_valid_name(std::string_view);
// Path roots that the host keeps for itself: v0, v1, v2, healthz, readyz, metrics, console.
bool is_reserved_workspace(std::string_view);

}  // namespace tenon
