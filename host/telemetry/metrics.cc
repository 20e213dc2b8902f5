#include "host/telemetry/metrics.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <sstream>

namespace tenon::telemetry {
namespace {

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

  // The time that this share took at most, evenly spread within a bucket.
  std::optional<double> quantile(double share) const {
    const std::uint64_t all = count();
    if (all == 0) return std::nullopt;
    double wanted = share * static_cast<double>(all), low = 0;
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      const auto here = static_cast<double>(buckets[i]);
      if (here > 0 && here >= wanted) return low + (kBounds[i] - low) * wanted / here;
      wanted -= here;
      low = kBounds[i];
    }
    return low;
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

DeploymentMetrics::Totals DeploymentMetrics::totals() const {
  const auto count = [](const Count& value) { return value.load(std::memory_order_relaxed); };
  const auto level = [&](const Count& value) {
    const std::uint64_t n = count(value);
    return n == kUnset ? 0 : n;
  };
  const Snapshot seen = snapshot();
  Totals out;
  out.cancelled = count(cancelled_);
  out.retried = count(retried_);
  out.input_tokens = count(input_tokens_);
  out.output_tokens = count(output_tokens_);
  out.queued = level(queued_);
  out.ready = level(ready_);
  out.starting = level(starting_);
  out.memory_bytes = level(memory_);
  out.replica_failures = count(crashes_);
  out.p50_seconds = seen.durations.quantile(0.5);
  out.p99_seconds = seen.durations.quantile(0.99);
  for (const auto& [status, n] : seen.statuses) {
    out.requests += n;
    if (status >= 500) out.failed += n;
  }
  double nanoseconds = 0;
  for (const Distribution& stage : seen.stages) {
    out.cold_starts = std::max(out.cold_starts, stage.count());
    nanoseconds += static_cast<double>(stage.nanoseconds);
  }
  if (out.cold_starts > 0) {
    out.cold_start_seconds = nanoseconds / 1e9 / static_cast<double>(out.cold_starts);
  }
  return out;
}

namespace {

// Exposition text, one family after the other, without a tree of all series in memory: with a
// thousand busy deployments that is tens of megabytes.
class Page {
 public:
  // A family is shown when `body` gave it a series.
  void family(std::string_view name, std::string_view help, std::string_view type,
              const std::string& body) {
    if (body.empty()) return;
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n{}", name, help, name,
                   type, body);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void sample(std::string& body, std::string_view name, std::string_view labels, auto value) {
  fmt::format_to(std::back_inserter(body), "{}{{{}}} {}\n", name, labels, value);
}

void histogram(std::string& body, std::string_view name, std::string_view labels,
               const Distribution& of) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    sum += of.buckets[i];
    const std::string bound = i < kBounds.size() ? fmt::format("{}", kBounds[i]) : "+Inf";
    fmt::format_to(std::back_inserter(body), "{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bound,
                   sum);
  }
  fmt::format_to(std::back_inserter(body), "{0}_sum{{{1}}} {2}\n{0}_count{{{1}}} {3}\n", name,
                 labels, static_cast<double>(of.nanoseconds) / 1e9, sum);
}

// What others collected: families of one name become one; the first type of a name stays.
std::string collected(Metrics::Families found) {
  std::map<std::string, MetricFamily> merged;
  for (MetricFamily& family : found) {
    auto [at, fresh] = merged.try_emplace(family.name);
    if (fresh) {
      at->second = std::move(family);
    } else if (at->second.type == family.type) {
      std::ranges::move(family.metric, std::back_inserter(at->second.metric));
    }
  }
  Metrics::Families families;
  for (auto& [name, family] : merged) families.push_back(std::move(family));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace

std::vector<Metrics::Label> Metrics::labels(const DeploymentKey& key) {
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

void Metrics::each_after(const DeploymentKey& key, const Visit& visit) {
  const std::lock_guard lock(mutex_);
  for (auto at = deployments_.upper_bound(key); at != deployments_.end(); ++at) {
    if (!visit(at->first, *at->second)) return;
  }
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

std::string Metrics::host_values() {
  std::string out;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, value] : host_) {
    const bool counts = value.type == MetricType::Counter;
    fmt::format_to(
        std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, value.help,
        counts ? "counter" : "gauge",
        counts ? fmt::format("{}", value.count.load()) : fmt::format("{}", value.level.load()));
  }
  return out;
}

std::string Metrics::deployment_values() {
  struct Row {
    std::shared_ptr<DeploymentMetrics> metrics;
    std::string labels;
    DeploymentMetrics::Snapshot seen;
  };
  std::vector<Row> rows;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, metrics] : deployments_) {
      // Names hold nothing that would need an escape.
      rows.push_back({metrics,
                      fmt::format("workspace=\"{}\",model=\"{}\",environment=\"{}\"", key.workspace,
                                  key.model, key.environment),
                      {}});
    }
  }
  for (Row& row : rows) row.seen = row.metrics->snapshot();

  Page page;
  const auto family = [&](std::string_view name, std::string_view help, std::string_view type,
                          auto&& append) {
    std::string body;
    for (const Row& row : rows) append(body, name, row);
    page.family(name, help, type, body);
  };
  using Values = DeploymentMetrics;
  const auto counts = [](Values::Count Values::* value, std::string_view more = "") {
    return [=](std::string& body, std::string_view name, const Row& row) {
      const auto n = ((*row.metrics).*value).load(std::memory_order_relaxed);
      if (n) sample(body, name, row.labels + std::string(more), n);
    };
  };
  const auto level = [](Values::Count Values::* value, std::string_view more = "") {
    return [=](std::string& body, std::string_view name, const Row& row) {
      const auto n = ((*row.metrics).*value).load(std::memory_order_relaxed);
      if (n != Values::kUnset) sample(body, name, row.labels + std::string(more), n);
    };
  };
  const auto both = [](auto first, auto second) {
    return [=](std::string& body, std::string_view name, const Row& row) {
      first(body, name, row);
      second(body, name, row);
    };
  };

  family("tenon_requests_total", "Requests answered, by status", "counter",
         [](std::string& body, std::string_view name, const Row& row) {
           for (const auto& [status, count] : row.seen.statuses) {
             const std::string shown = status ? fmt::format("{}", status) : "other";
             sample(body, name, fmt::format("{},status=\"{}\"", row.labels, shown), count);
           }
         });
  family("tenon_request_duration_seconds", "From a request's head to the end of its answer",
         "histogram", [](std::string& body, std::string_view name, const Row& row) {
           if (row.seen.durations.count()) histogram(body, name, row.labels, row.seen.durations);
         });
  family("tenon_cold_start_seconds", "What starting a replica took, by stage", "histogram",
         [](std::string& body, std::string_view name, const Row& row) {
           for (std::size_t i = 0; i < kStages; ++i) {
             if (row.seen.stages[i].count() == 0) continue;
             histogram(body, name,
                       fmt::format("{},stage=\"{}\"", row.labels, to_string(static_cast<Stage>(i))),
                       row.seen.stages[i]);
           }
         });
  family("tenon_cancelled_requests_total", "Requests whose client went away", "counter",
         counts(&Values::cancelled_));
  family("tenon_retried_requests_total", "Requests that a second replica took over", "counter",
         counts(&Values::retried_));
  family("tenon_replica_failures_total",
         "Replicas that died, broke a rule of the plugin interface or failed to load", "counter",
         counts(&Values::crashes_));
  family("tenon_tokens_total", "Tokens that plugins reported", "counter",
         both(counts(&Values::input_tokens_, ",direction=\"input\""),
              counts(&Values::output_tokens_, ",direction=\"output\"")));
  family("tenon_queue_depth", "Requests that wait for a replica", "gauge", level(&Values::queued_));
  family("tenon_replicas", "Replicas, by state", "gauge",
         both(level(&Values::ready_, ",state=\"ready\""),
              level(&Values::starting_, ",state=\"starting\"")));
  family("tenon_worker_memory_bytes", "Private memory of a deployment's replicas", "gauge",
         level(&Values::memory_));
  return page.take();
}

std::string Metrics::render() {
  std::string text = host_values() + deployment_values();
  const std::lock_guard lock(collecting_);
  Families more;
  for (Collector& collector : collectors_) collector(more);
  return text + collected(std::move(more));
}

}  // namespace tenon::telemetry
