#include "host/cli/metrics_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <cmath>
#include <limits>
#include <tuple>

#include "host/cli/host_client.h"
#include "host/cli/model_name.h"
#include "host/cli/output.h"
#include "host/cli/prometheus.h"
#include "host/cli/terminal.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kVerb = "metrics";

// What the samples of one deployment add up to.
struct Sums {
  double requests = 0, failed = 0, input = 0, output = 0, ready = 0, starting = 0, queued = 0,
         memory = 0, failures = 0;
  Buckets durations;
  std::map<std::string, double, std::less<>> cold_counts, cold_seconds;  // by stage
};

void add(Sums& sums, const Sample& sample) {
  const std::string_view name = sample.name;
  const double value = sample.value;
  if (name == "tenon_requests_total") {
    sums.requests += value;
    if (sample.label("status").starts_with('5')) sums.failed += value;
  } else if (name == "tenon_request_duration_seconds_bucket") {
    const std::string bound(sample.label("le"));
    sums.durations[bound == "+Inf" ? std::numeric_limits<double>::infinity()
                                   : std::strtod(bound.c_str(), nullptr)] += value;
  } else if (name == "tenon_cold_start_seconds_count") {
    sums.cold_counts[std::string(sample.label("stage"))] += value;
  } else if (name == "tenon_cold_start_seconds_sum") {
    sums.cold_seconds[std::string(sample.label("stage"))] += value;
  } else if (name == "tenon_tokens_total") {
    (sample.label("direction") == "input" ? sums.input : sums.output) += value;
  } else if (name == "tenon_replicas") {
    (sample.label("state") == "ready" ? sums.ready : sums.starting) += value;
  } else if (name == "tenon_queue_depth") {
    sums.queued += value;
  } else if (name == "tenon_worker_memory_bytes") {
    sums.memory += value;
  } else if (name == "tenon_replica_failures_total") {
    sums.failures += value;
  }
}

std::int64_t whole(double value) {
  return std::llround(value);
}

double milliseconds_of(double seconds) {
  return std::round(seconds * 1e6) / 1e3;
}

json::object told(const Sums& sums) {
  double cold_starts = 0, cold_seconds = 0;
  for (const auto& [stage, count] : sums.cold_counts) cold_starts = std::max(cold_starts, count);
  for (const auto& [stage, seconds] : sums.cold_seconds) cold_seconds += seconds;
  const auto time = [](bool known, double seconds) {
    return known ? json::value(milliseconds_of(seconds)) : json::value(nullptr);
  };
  return {{"requests", whole(sums.requests)},
          {"failed", whole(sums.failed)},
          {"p50Ms", time(!sums.durations.empty(), quantile(sums.durations, 0.5))},
          {"p99Ms", time(!sums.durations.empty(), quantile(sums.durations, 0.99))},
          {"replicas", {{"ready", whole(sums.ready)}, {"starting", whole(sums.starting)}}},
          {"queued", whole(sums.queued)},
          {"memoryBytes", whole(sums.memory)},
          {"coldStarts", whole(cold_starts)},
          {"coldStartMs", time(cold_starts > 0, cold_seconds / std::max(cold_starts, 1.0))},
          {"replicaFailures", whole(sums.failures)},
          {"inputTokens", whole(sums.input)},
          {"outputTokens", whole(sums.output)}};
}

std::string cell(const json::value& item, std::string_view pointer) {
  const json::value* found = json_at(item, pointer);
  if (!found || found->is_null()) return "-";
  if (found->is_string()) return terminal_text(found->get_string());
  return fmt::format("{}", found->to_number<double>());
}

std::vector<std::string> row(const json::value& item) {
  std::vector<std::string> out;
  for (const std::string_view pointer :
       {"/workspace", "/model", "/environment", "/requests", "/failed", "/p50Ms", "/p99Ms",
        "/replicas/ready", "/queued", "/coldStarts", "/coldStartMs", "/inputTokens",
        "/outputTokens"}) {
    out.push_back(cell(item, pointer));
  }
  return out;
}

// The lines about one deployment, as they are.
std::string lines_about(std::string_view text, const ModelName& name) {
  if (name.model.empty()) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto samples = read_samples(line);
    const bool fits =
        !samples.empty() && samples[0].label("model") == name.model &&
        (name.environment.empty() || samples[0].label("environment") == name.environment);
    if (fits) out += line + "\n";
  }
  return out;
}

}  // namespace

json::array deployments_in(std::string_view prometheus, std::string_view workspace,
                           std::string_view model, std::string_view environment) {
  std::map<std::tuple<std::string, std::string, std::string>, Sums> all;
  for (const Sample& sample : read_samples(prometheus)) {
    const std::string_view of = sample.label("model");
    const auto is = [](std::string_view wanted, std::string_view found) {
      return wanted.empty() || wanted == found;
    };
    if (of.empty() || !is(model, of) || !is(workspace, sample.label("workspace")) ||
        !is(environment, sample.label("environment"))) {
      continue;
    }
    add(all[{std::string(sample.label("workspace")), std::string(of),
             std::string(sample.label("environment"))}],
        sample);
  }
  json::array out;
  for (const auto& [key, sums] : all) {
    json::object item{{"workspace", std::get<0>(key)},
                      {"model", std::get<1>(key)},
                      {"environment", std::get<2>(key)}};
    for (auto& [name, value] : told(sums)) item.emplace(name, value);
    out.push_back(std::move(item));
  }
  return out;
}

int metrics(const Arguments& words, Streams streams) {
  options_description options;
  add_host_options(options);
  options.add_options()("model", value<std::string>()->default_value(""))(
      "environment,e", value<std::string>()->default_value(""))(
      "output,o", value<std::string>()->default_value("table"));
  positional_options_description positional;
  positional.add("model", 1);
  const auto given = parse_options(words, options, positional);
  if (!given) return bad_usage(kVerb, given.error().message, streams);
  const std::string form = (*given)["output"].as<std::string>();
  if (form != "table" && form != "json" && form != "prometheus") {
    return bad_usage(kVerb, "--output must be table, json or prometheus", streams);
  }
  const auto name = model_name(*given);
  if (!name) return bad_usage(kVerb, name.error().message, streams);
  const HostClient host(*given);
  const auto reply = host.send("GET", "/metrics");
  if (!reply) return tell_error(kVerb, reply.error(), streams);
  if (exit_status(reply->status) != kOk) return tell_refusal(kVerb, *reply, streams);
  if (form == "prometheus") {
    streams.out << lines_about(reply->body, *name);
    return kOk;
  }
  const json::array items =
      deployments_in(reply->body, host.workspace(), name->model, name->environment);
  if (form == "json") {
    streams.out << pretty_json(json::object{{"items", items}});
    return kOk;
  }
  std::vector<std::vector<std::string>> rows = {{"WORKSPACE", "MODEL", "ENVIRONMENT", "REQUESTS",
                                                 "FAILED", "P50 MS", "P99 MS", "REPLICAS", "QUEUED",
                                                 "COLD STARTS", "COLD MS", "INPUT", "OUTPUT"}};
  for (const json::value& item : items) rows.push_back(row(item));
  print_table(streams.out, rows);
  return kOk;
}

}  // namespace tenon::cli
