#include "host/control/usage_metrics.h"

#include <array>
#include <string>
#include <string_view>

#include "host/control/token_budgets.h"

namespace tenon::control {
namespace {

using store::Use;

struct Series {
  const char* name;
  const char* help;
  double (*value)(const Use&);
};

constexpr std::array kSeries = {
    Series{"tenon_usage_requests_total", "Requests that a replica answered",
           [](const Use& used) { return static_cast<double>(used.requests); }},
    Series{"tenon_usage_input_tokens_total", "Input tokens that plugins reported",
           [](const Use& used) { return static_cast<double>(used.input_tokens); }},
    Series{"tenon_usage_output_tokens_total", "Output tokens that plugins reported",
           [](const Use& used) { return static_cast<double>(used.output_tokens); }},
    Series{"tenon_usage_replica_seconds_total", "Time that replicas were there, added up",
           [](const Use& used) { return static_cast<double>(used.replica_milliseconds) / 1e3; }},
    Series{"tenon_usage_device_byte_seconds_total", "Memory that replicas held, over time",
           [](const Use& used) { return static_cast<double>(used.device_byte_seconds); }},
};

prometheus::ClientMetric metric_of(const Use& use, const Series& series) {
  prometheus::ClientMetric out;
  out.label = telemetry::Metrics::labels(use.deployment);
  out.label.push_back({"revision", std::to_string(use.revision)});
  out.label.push_back({"flavor", use.flavor});
  out.counter.value = series.value(use);
  return out;
}

prometheus::ClientMetric metric_of(const metering::PoolState& pool, std::string_view tokens,
                                   std::uint64_t value) {
  const ResourceKey& owner = pool.owner;
  const bool own = owner.kind == Kind::kDeployment;
  prometheus::ClientMetric out;
  out.label = telemetry::Metrics::labels(own ? deployment_key(owner)
                                             : DeploymentKey{owner.workspace, "", owner.name});
  out.label.push_back({"policy", pool.policy});
  out.label.push_back({"tokens", std::string(tokens)});
  out.gauge.value = static_cast<double>(value);
  return out;
}

}  // namespace

void add_usage(std::span<const Use> uses, telemetry::Metrics::Families& families) {
  if (uses.empty()) return;
  for (const Series& series : kSeries) {
    prometheus::MetricFamily family{series.name, series.help, prometheus::MetricType::Counter, {}};
    for (const Use& use : uses) family.metric.push_back(metric_of(use, series));
    families.push_back(std::move(family));
  }
}

void add_budgets(std::span<const metering::TokenPools::Reading> readings,
                 telemetry::Metrics::Families& families) {
  if (readings.empty()) return;
  constexpr auto kGauge = prometheus::MetricType::Gauge;
  prometheus::MetricFamily spent{"tenon_token_budget_spent_tokens",
                                 "Tokens spent in the present window of a policy",
                                 kGauge,
                                 {}};
  prometheus::MetricFamily limits{
      "tenon_token_budget_limit_tokens", "Tokens that a policy allows in each window", kGauge, {}};
  for (const metering::TokenPools::Reading& reading : readings) {
    for (const BudgetLimit& each : limits_of(reading)) {
      const std::string_view tokens = policy::to_string(each.tokens);
      spent.metric.push_back(metric_of(reading.state, tokens, each.spent));
      limits.metric.push_back(metric_of(reading.state, tokens, each.limit));
    }
  }
  families.push_back(std::move(spent));
  families.push_back(std::move(limits));
}

}  // namespace tenon::control
