#include "host/control/metrics_routes.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <cmath>

#include "host/control/page.h"
#include "host/domain/environment.h"

namespace tenon::control {
namespace {

namespace json = boost::json;
using Totals = telemetry::DeploymentMetrics::Totals;

json::value milliseconds(std::optional<double> seconds) {
  if (!seconds) return nullptr;
  return std::round(*seconds * 1e6) / 1e3;
}

json::object metrics_json(const DeploymentKey& key, const Totals& totals) {
  return {{"model", key.model},
          {"environment", key.environment},
          {"requests", totals.requests},
          {"failed", totals.failed},
          {"cancelled", totals.cancelled},
          {"retried", totals.retried},
          {"p50Ms", milliseconds(totals.p50_seconds)},
          {"p99Ms", milliseconds(totals.p99_seconds)},
          {"replicas", {{"ready", totals.ready}, {"starting", totals.starting}}},
          {"queued", totals.queued},
          {"memoryBytes", totals.memory_bytes},
          {"coldStarts", totals.cold_starts},
          {"coldStartMs", milliseconds(totals.cold_start_seconds)},
          {"replicaFailures", totals.replica_failures},
          {"inputTokens", totals.input_tokens},
          {"outputTokens", totals.output_tokens}};
}

bool is_there(Api& api, Call& call, const ResourceKey& key) {
  if (api.parts().catalog.snapshot()->find(key)) return true;
  call.refuse(api::kResourceNotFound, fmt::format("there is no {}", to_string(key)));
  return false;
}

// A page goes on after "model@environment".
DeploymentKey page_begin(const Call& call) {
  const std::string after = call.text("after").value_or("");
  const std::size_t at = std::min(after.find('@'), after.size());
  return {call.workspace, after.substr(0, at), after.substr(std::min(at + 1, after.size()))};
}

void page(Api& api, Call& call, const std::optional<std::string>& environment) {
  const std::size_t limit = page_size(call);
  json::array items;
  json::value next = nullptr;
  std::string last;
  api.parts().metrics.each_after(
      page_begin(call), [&](const DeploymentKey& key, const telemetry::DeploymentMetrics& metrics) {
        if (key.workspace != call.workspace) return false;
        if (environment && key.environment != *environment) return true;
        if (items.size() == limit) {
          next = last;
          return false;
        }
        items.push_back(metrics_json(key, metrics.totals()));
        last = key.model + "@" + key.environment;
        return true;
      });
  call.answer(json::object{{"items", std::move(items)}, {"next", std::move(next)}});
}

void of_all(Api& api, Call& call) {
  page(api, call, call.text("environment"));
}

void of_environment(Api& api, Call& call) {
  if (is_there(api, call, {Kind::kEnvironment, call.workspace, call.path(0), ""})) {
    page(api, call, call.path(0));
  }
}

void of_model(Api& api, Call& call) {
  const DeploymentKey key{call.workspace, call.path(0),
                          call.text("environment").value_or(std::string(kProduction))};
  if (!is_there(api, call, {Kind::kDeployment, key.workspace, key.model, key.environment})) return;
  call.answer(metrics_json(key, api.parts().metrics.of(key)->totals()));
}

}  // namespace

void add_metrics_routes(std::vector<Route>& out) {
  using enum Param::Type;
  const auto add = [&](std::string_view path, std::string_view id, std::string_view help,
                       std::vector<Param> params, std::string_view schema, auto handle) {
    out.push_back(
        {"GET", path, id, help, access::Act::kRead, std::move(params), "", schema, 200, handle});
  };
  add("/v0/models/{model}/metrics", "getModelMetrics",
      "Adds up a deployment's requests, times, replicas and tokens since the host's start",
      {{"environment", kString, "of the deployment; production when absent"}}, "Metrics", of_model);
  add("/v0/environments/{environment}/metrics", "listEnvironmentMetrics",
      "Lists the same for an environment's deployments", {kLimit, kAfter}, "MetricsList",
      of_environment);
  add("/v0/metrics", "listMetrics", "Lists the same for a workspace's deployments",
      {kLimit, kAfter, {"environment", kString, "only those of this environment"}}, "MetricsList",
      of_all);
}

}  // namespace tenon::control
