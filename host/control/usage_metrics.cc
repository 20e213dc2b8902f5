#include "host/control/usage_metrics.h"

#include <array>
#include <string>

namespace tenon::control {
namespace {

using metering::Used;

struct Series {
  const char* name;
  const char* help;
  double (*value)(const Used&);
};

constexpr std::array kSeries = {
    Series{"tenon_usage_requests_total", "Requests that a replica answered",
           [](const Used& used) { return static_cast<double>(used.requests); }},
    Series{"tenon_usage_input_tokens_total", "Input tokens that plugins reported",
           [](const Used& used) { return static_cast<double>(used.input_tokens); }},
    Series{"tenon_usage_output_tokens_total", "Output tokens that plugins reported",
           [](const Used& used) { return static_cast<double>(used.output_tokens); }},
    Series{"tenon_usage_replica_seconds_total", "Time that replicas were there, added up",
           [](const Used& used) { return static_cast<double>(used.replica_time.count()) / 1e3; }},
    Series{"tenon_usage_device_byte_seconds_total", "Memory that replicas held, over time",
           [](const Used& used) { return static_cast<double>(used.device_byte_seconds); }},
};

prometheus::ClientMetric metric_of(const UsageBooks::Line& line, const Series& series) {
  prometheus::ClientMetric out;
  out.label = telemetry::Metrics::labels(line.deployment);
  out.label.push_back({"revision", std::to_string(line.revision)});
  out.label.push_back({"flavor", to_string(line.flavor)});
  out.counter.value = series.value(line.used);
  return out;
}

}  // namespace

void add_usage(std::span<const UsageBooks::Line> lines, telemetry::Metrics::Families& families) {
  if (lines.empty()) return;
  for (const Series& series : kSeries) {
    prometheus::MetricFamily family{series.name, series.help, prometheus::MetricType::Counter, {}};
    for (const UsageBooks::Line& line : lines) family.metric.push_back(metric_of(line, series));
    families.push_back(std::move(family));
  }
}

}  // namespace tenon::control
