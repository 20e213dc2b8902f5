#include "host/cli/plugin_metrics.h"

#include <algorithm>
#include <cmath>

namespace tenon::cli {
namespace {

using Kind = workers::PluginMetric::Kind;

// tenon_… are the host's own.
bool is_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  };
  return !name.empty() && name.size() <= 200 && is_letter(name[0]) && !name.starts_with("tenon_") &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

bool is_whole(const workers::PluginMetric& metric) {
  return is_name(metric.name) &&
         (metric.kind != Kind::kHistogram || (metric.buckets.size() == metric.bounds.size() + 1 &&
                                              std::ranges::is_sorted(metric.bounds)));
}

prometheus::MetricType type_of(Kind kind) {
  switch (kind) {
    case Kind::kCounter:
      return prometheus::MetricType::Counter;
    case Kind::kGauge:
      return prometheus::MetricType::Gauge;
    case Kind::kHistogram:
      break;
  }
  return prometheus::MetricType::Histogram;
}

// One line of the page stays one line.
std::string help_of(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < ' ' || c == '\\' || c == 0x7F; }, ' ');
  return text;
}

prometheus::ClientMetric metric_of(const DeploymentKey& key, const workers::PluginMetric& from) {
  prometheus::ClientMetric out;
  out.label = telemetry::Metrics::labels(key);
  switch (from.kind) {
    case Kind::kCounter:
      out.counter.value = from.value;
      break;
    case Kind::kGauge:
      out.gauge.value = from.value;
      break;
    case Kind::kHistogram:
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < from.bounds.size(); ++i) {
        sum += from.buckets[i];
        out.histogram.bucket.push_back({sum, from.bounds[i]});
      }
      out.histogram.sample_count = sum + from.buckets.back();
      out.histogram.sample_sum = from.value;
      break;
  }
  return out;
}

}  // namespace

void PluginMetrics::add(const DeploymentKey& key, std::vector<workers::PluginMetric> metrics) {
  for (workers::PluginMetric& metric : metrics) {
    if (!is_whole(metric)) continue;
    const Series series{metric.name, key};
    const auto [at, fresh] = sums_.try_emplace(series, std::move(metric));
    if (fresh || at->second.kind != metric.kind || at->second.bounds != metric.bounds) continue;
    at->second.value += metric.value;
    for (std::size_t i = 0; i < metric.buckets.size(); ++i) {
      at->second.buckets[i] += metric.buckets[i];
    }
  }
}

telemetry::Metrics::Families PluginMetrics::families() const {
  telemetry::Metrics::Families out;
  for (const auto& [series, metric] : sums_) {
    const auto type = type_of(metric.kind);
    if (out.empty() || out.back().name != series.name) {
      out.push_back({series.name, help_of(metric.help), type, {}});
    }
    if (out.back().type == type) out.back().metric.push_back(metric_of(series.key, metric));
  }
  return out;
}

}  // namespace tenon::cli
