#include "host/telemetry/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <sstream>

namespace tenon::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Upper bounds of both histograms, in seconds: a warm echo to a slow cold start.
constexpr std::array<double, 16> kBounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                            0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                            1,      2.5,     10,     60};
constexpr std::size_t kBuckets = kBounds.size() + 1;
// Statuses that one deployment answers with; further ones are counted together as status 0.
constexpr std::size_t kStatuses = 16;

std::size_t bucket_of(double seconds) {
  return static_cast<std::size_t>(std::ranges::lower_bound(kBounds, seconds) - kBounds.begin());
}

double seconds_of(std::chrono::nanoseconds took) {
  return std::chrono::duration<double>(took).count();
}

struct Distribution {
  std::array<std::uint64_t, kBuckets> buckets{};
  std::uint64_t nanoseconds = 0;

  std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (std::uint64_t n : buckets) sum += n;
    return sum;
  }
};

// Which shard this thread counts into. Threads are few and long-lived (event loops), so each has a
// shard to itself.
std::size_t thread_number() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

// The pointee, made by whoever comes first.
template <class T>
T& made(std::atomic<T*>& pointer) {
  T* there = pointer.load(std::memory_order_acquire);
  if (there) return *there;
  auto fresh = std::make_unique<T>();
  if (pointer.compare_exchange_strong(there, fresh.get(), std::memory_order_acq_rel)) {
    return *fresh.release();
  }
  return *there;
}

}  // namespace

std::string_view to_string(Stage stage) {
  constexpr std::array<std::string_view, kStages> kNames = {"queue", "place",  "fork", "prepare",
                                                            "map",   "upload", "first"};
  return kNames[static_cast<std::size_t>(stage)];
}

struct AtomicDistribution {
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets{};
  std::atomic<std::uint64_t> nanoseconds{0};

  void record(std::chrono::nanoseconds took) {
    took = std::max(took, std::chrono::nanoseconds(0));
    buckets[bucket_of(seconds_of(took))].fetch_add(1, std::memory_order_relaxed);
    nanoseconds.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
  }
  void add_to(Distribution& sum) const {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      sum.buckets[i] += buckets[i].load(std::memory_order_relaxed);
    }
    sum.nanoseconds += nanoseconds.load(std::memory_order_relaxed);
  }
};

struct alignas(64) DeploymentMetrics::Shard {
  struct PerStatus {
    std::atomic<unsigned> status{0};
    Count count{0};
  };
  std::array<PerStatus, kStatuses> statuses;
  AtomicDistribution durations;

  // The slot of a status: the first that holds it, or a free one, or the last one for all others.
  PerStatus& slot(unsigned status) {
    for (std::size_t i = 0; i + 1 < kStatuses; ++i) {
      unsigned there = statuses[i].status.load(std::memory_order_relaxed);
      if (there == status) return statuses[i];
      if (there == 0 &&
          (statuses[i].status.compare_exchange_strong(there, status) || there == status)) {
        return statuses[i];
      }
    }
    return statuses.back();
  }
};

struct DeploymentMetrics::StageTimes {
  std::array<AtomicDistribution, kStages> stages;
};

struct DeploymentMetrics::Snapshot {
  std::map<unsigned, std::uint64_t> statuses;
  Distribution durations;
  std::array<Distribution, kStages> stages;
};

DeploymentMetrics::~DeploymentMetrics() {
  for (auto& pointer : shards_) delete pointer.load();
  delete stages_.load();
}

DeploymentMetrics::Shard& DeploymentMetrics::shard() {
  return made(shards_[thread_number() % kShards]);
}

void DeploymentMetrics::request(unsigned status, std::chrono::nanoseconds took) {
  Shard& mine = shard();
  add(mine.slot(status).count, 1);
  mine.durations.record(took);
}

void DeploymentMetrics::cold_start(Stage stage, std::chrono::nanoseconds took) {
  made(stages_).stages[static_cast<std::size_t>(stage)].record(took);
}

DeploymentMetrics::Snapshot DeploymentMetrics::snapshot() const {
  Snapshot out;
  for (const auto& pointer : shards_) {
    const Shard* shard = pointer.load(std::memory_order_acquire);
    if (!shard) continue;
    for (const auto& slot : shard->statuses) {
      if (const auto count = slot.count.load(std::memory_order_relaxed)) {
        out.statuses[slot.status.load(std::memory_order_relaxed)] += count;
      }
    }
    shard->durations.add_to(out.durations);
  }
  if (const StageTimes* times = stages_.load(std::memory_order_acquire)) {
    for (std::size_t i = 0; i < kStages; ++i) times->stages[i].add_to(out.stages[i]);
  }
  return out;
}

namespace {

using Labels = std::vector<Metrics::Label>;

Labels with(Labels labels, std::string name, std::string value) {
  labels.push_back({std::move(name), std::move(value)});
  return labels;
}

// Families of one render(), each shown only when it has a series.
class Page {
 public:
  MetricFamily& family(const char* name, const char* help, MetricType type) {
    auto [at, fresh] = families_.try_emplace(name);
    if (fresh) at->second = MetricFamily{name, help, type, {}};
    return at->second;
  }

  void counter(const char* name, const char* help, Labels labels, std::uint64_t value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = static_cast<double>(value);
    family(name, help, MetricType::Counter).metric.push_back(std::move(metric));
  }

  void gauge(const char* name, const char* help, Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    family(name, help, MetricType::Gauge).metric.push_back(std::move(metric));
  }

  void histogram(const char* name, const char* help, Labels labels, const Distribution& of) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.histogram.sample_sum = static_cast<double>(of.nanoseconds) / 1e9;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      sum += of.buckets[i];
      metric.histogram.bucket.push_back({sum, kBounds[i]});
    }
    metric.histogram.sample_count = sum + of.buckets.back();
    family(name, help, MetricType::Histogram).metric.push_back(std::move(metric));
  }

  void append(MetricFamily&& other) {
    auto [at, fresh] = families_.try_emplace(other.name);
    if (fresh) {
      at->second = std::move(other);
    } else if (at->second.type == other.type) {
      // Two plugins may give one name to different kinds: the first keeps it.
      std::ranges::move(other.metric, std::back_inserter(at->second.metric));
    }
  }

  std::string text() {
    std::vector<MetricFamily> all;
    all.reserve(families_.size());
    for (auto& [name, family] : families_) all.push_back(std::move(family));
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, all);
    return std::move(out).str();
  }

 private:
  std::map<std::string, MetricFamily> families_;
};

}  // namespace

Labels Metrics::labels(const DeploymentKey& key) {
  return {{"workspace", key.workspace}, {"model", key.model}, {"environment", key.environment}};
}

std::shared_ptr<DeploymentMetrics> Metrics::of(const DeploymentKey& key) {
  const std::lock_guard lock(mutex_);
  auto& metrics = deployments_[key];
  if (!metrics) metrics = std::make_shared<DeploymentMetrics>();
  return metrics;
}

void Metrics::forget(const DeploymentKey& key) {
  const std::lock_guard lock(mutex_);
  deployments_.erase(key);
}

std::atomic<std::uint64_t>& Metrics::counter(const std::string& name, const std::string& help) {
  const std::lock_guard lock(mutex_);
  HostValue& value = host_[name];
  value.help = help;
  value.type = MetricType::Counter;
  return value.count;
}

std::atomic<std::int64_t>& Metrics::gauge(const std::string& name, const std::string& help) {
  const std::lock_guard lock(mutex_);
  HostValue& value = host_[name];
  value.help = help;
  value.type = MetricType::Gauge;
  return value.level;
}

void Metrics::add_collector(Collector collector) {
  const std::lock_guard lock(collecting_);
  collectors_.push_back(std::move(collector));
}

std::string Metrics::render() {
  Page page;
  std::vector<std::pair<DeploymentKey, std::shared_ptr<DeploymentMetrics>>> deployments;
  {
    const std::lock_guard lock(mutex_);
    deployments.assign(deployments_.begin(), deployments_.end());
    for (const auto& [name, value] : host_) {
      if (value.type == MetricType::Counter) {
        page.counter(name.c_str(), value.help.c_str(), {}, value.count);
      } else {
        page.gauge(name.c_str(), value.help.c_str(), {}, static_cast<double>(value.level));
      }
    }
  }
  for (const auto& [key, metrics] : deployments) {
    const Labels base = labels(key);
    const auto seen = metrics->snapshot();
    for (const auto& [status, count] : seen.statuses) {
      page.counter("tenon_requests_total", "Requests answered, by status",
                   with(base, "status", status ? std::to_string(status) : "other"), count);
    }
    if (seen.durations.count()) {
      page.histogram("tenon_request_duration_seconds",
                     "From a request's head to the end of its answer", base, seen.durations);
    }
    for (std::size_t i = 0; i < kStages; ++i) {
      if (seen.stages[i].count() == 0) continue;
      page.histogram("tenon_cold_start_seconds", "What starting a replica took, by stage",
                     with(base, "stage", std::string(to_string(static_cast<Stage>(i)))),
                     seen.stages[i]);
    }
    const auto counted = [&](const char* name, const char* help, const auto& value) {
      if (const std::uint64_t n = value.load(std::memory_order_relaxed)) {
        page.counter(name, help, base, n);
      }
    };
    counted("tenon_cancelled_requests_total", "Requests whose client went away",
            metrics->cancelled_);
    counted("tenon_retried_requests_total", "Requests that a second replica took over",
            metrics->retried_);
    counted("tenon_replica_failures_total",
            "Replicas that died, broke a rule of the plugin interface or failed to load",
            metrics->crashes_);
    const auto tokens = [&](const char* direction, const auto& value) {
      if (const std::uint64_t n = value.load(std::memory_order_relaxed)) {
        page.counter("tenon_tokens_total", "Tokens that plugins reported",
                     with(base, "direction", direction), n);
      }
    };
    tokens("input", metrics->input_tokens_);
    tokens("output", metrics->output_tokens_);
    const auto present = [&](const char* name, const char* help, const auto& value,
                             const char* state = nullptr) {
      const std::uint64_t n = value.load(std::memory_order_relaxed);
      if (n == DeploymentMetrics::kUnset) return;
      page.gauge(name, help, state ? with(base, "state", state) : base, static_cast<double>(n));
    };
    present("tenon_queue_depth", "Requests that wait for a replica", metrics->queued_);
    present("tenon_replicas", "Replicas, by state", metrics->ready_, "ready");
    present("tenon_replicas", "Replicas, by state", metrics->starting_, "starting");
    present("tenon_worker_memory_bytes", "Private memory of a deployment's replicas",
            metrics->memory_);
  }
  {
    const std::lock_guard lock(collecting_);
    Families more;
    for (Collector& collector : collectors_) collector(more);
    for (MetricFamily& family : more) page.append(std::move(family));
  }
  return page.text();
}

}  // namespace tenon::telemetry
