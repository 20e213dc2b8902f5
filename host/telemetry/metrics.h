#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/domain/deployment.h"

// What /metrics shows. A series appears on its first use: deployments at rest cost nothing.
namespace tenon::telemetry {

// Stages of a cold start, in their order.
enum class Stage : std::uint8_t { kQueue, kPlace, kFork, kPrepare, kMap, kUpload, kFirst };
inline constexpr std::size_t kStages = 7;
std::string_view to_string(Stage);  // "queue"

// The numbers of one deployment. All functions: [any] thread, no lock, no allocation but on a
// thread's first request. Callers keep the pointer; they do not ask Metrics at each request.
class DeploymentMetrics {
 public:
  DeploymentMetrics() = default;
  ~DeploymentMetrics();
  DeploymentMetrics(const DeploymentMetrics&) = delete;
  DeploymentMetrics& operator=(const DeploymentMetrics&) = delete;

  // A request was answered (or given up) with this status, so long after its head arrived.
  void request(unsigned status, std::chrono::nanoseconds took);
  void cancelled() { add(cancelled_, 1); }  // its client went away
  void retried() { add(retried_, 1); }      // another replica took it over
  void tokens(std::uint64_t input, std::uint64_t output) {
    add(input_tokens_, input);
    add(output_tokens_, output);
  }
  void cold_start(Stage, std::chrono::nanoseconds);
  void replica_ended_badly() { add(crashes_, 1); }  // died, broke a rule or failed to load

  // Values that follow the present; the series stay once they have been set.
  void queue_depth(std::uint64_t waiting) { set(queued_, waiting); }
  void replicas(unsigned ready, unsigned starting) {
    set(ready_, ready);
    set(starting_, starting);
  }
  void worker_memory(std::uint64_t bytes) { set(memory_, bytes); }

  // What its series add up to, for people.
  struct Totals {
    std::uint64_t requests = 0, failed = 0;  // failed: answered with a 5xx
    std::uint64_t cancelled = 0, retried = 0, input_tokens = 0, output_tokens = 0;
    std::uint64_t queued = 0, ready = 0, starting = 0, memory_bytes = 0;
    std::uint64_t cold_starts = 0, replica_failures = 0;
    // As far as the histograms' buckets tell; nothing before the first.
    std::optional<double> p50_seconds, p99_seconds, cold_start_seconds;  // the last is a mean
  };
  Totals totals() const;

 private:
  friend class Metrics;
  struct Shard;
  struct StageTimes;
  struct Snapshot;
  using Count = std::atomic<std::uint64_t>;
  static constexpr std::size_t kShards = 8;
  static constexpr std::uint64_t kUnset = ~std::uint64_t{0};

  static void add(Count& count, std::uint64_t n) { count.fetch_add(n, std::memory_order_relaxed); }
  static void set(Count& value, std::uint64_t n) { value.store(n, std::memory_order_relaxed); }
  Shard& shard();
  Snapshot snapshot() const;

  // Made by a thread's first request here; threads hold different ones.
  std::array<std::atomic<Shard*>, kShards> shards_{};
  std::atomic<StageTimes*> stages_{nullptr};
  Count cancelled_{0}, retried_{0}, input_tokens_{0}, output_tokens_{0}, crashes_{0};
  Count queued_{kUnset}, ready_{kUnset}, starting_{kUnset}, memory_{kUnset};
};

// All metrics of a host. [any] thread.
class Metrics {
 public:
  using Families = std::vector<prometheus::MetricFamily>;
  using Collector = std::move_only_function<void(Families&)>;
  using Label = prometheus::ClientMetric::Label;

  // Made on the first call for a key. Takes a lock: call it once and keep the pointer.
  std::shared_ptr<DeploymentMetrics> of(const DeploymentKey&);
  // The deployment is gone: its series too.
  void forget(const DeploymentKey&);

  // The deployments after this key, in their order, until `visit` says false; a lock is held.
  using Visit = std::function<bool(const DeploymentKey&, const DeploymentMetrics&)>;
  void each_after(const DeploymentKey&, const Visit&);

  // A value of the whole host, such as "tenon_connections"; the reference lives as long as this.
  std::atomic<std::uint64_t>& counter(const std::string& name, const std::string& help);
  std::atomic<std::int64_t>& gauge(const std::string& name, const std::string& help);

  // Called at each render(), on its thread: appends what is only known elsewhere (plugins' own
  // metrics). Families of one name are merged. Never calls back into this object.
  void add_collector(Collector);

  // workspace, model, environment: the labels of a deployment's series.
  static std::vector<Label> labels(const DeploymentKey&);

  // Prometheus text, version 0.0.4.
  std::string render();

 private:
  struct HostValue {
    std::string help;
    prometheus::MetricType type;
    std::atomic<std::uint64_t> count{0};
    std::atomic<std::int64_t> level{0};
  };

  std::string host_values();
  std::string deployment_values();

  std::mutex mutex_;
  std::map<DeploymentKey, std::shared_ptr<DeploymentMetrics>> deployments_;
  std::map<std::string, HostValue> host_;
  std::mutex collecting_;
  std::vector<Collector> collectors_;
};

}  // namespace tenon::telemetry
