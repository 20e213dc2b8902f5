#include "host/cli/metrics_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "host/cli/get.h"
#include "host/cli/host_client.h"
#include "host/cli/listing.h"
#include "host/cli/model_name.h"
#include "host/cli/output.h"
#include "host/cli/prometheus.h"
#include "host/cli/terminal.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kVerb = "metrics";

std::string text_of(const json::value& value) {
  if (value.is_string()) return terminal_text(value.get_string());
  return value.is_number() ? fmt::format("{}", value.to_number<double>()) : "?";
}

const Listing& listing() {
  static const Listing kMetrics{"metrics",
                                {},
                                Kind::kDeployment,
                                "/v0/metrics",
                                false,
                                {{"MODEL", "/model", text_of},
                                 {"ENVIRONMENT", "/environment", text_of},
                                 {"REQUESTS", "/requests", text_of},
                                 {"FAILED", "/failed", text_of},
                                 {"P50 MS", "/p50Ms", text_of},
                                 {"P99 MS", "/p99Ms", text_of},
                                 {"REPLICAS", "/replicas/ready", text_of},
                                 {"QUEUED", "/queued", text_of},
                                 {"COLD STARTS", "/coldStarts", text_of},
                                 {"COLD MS", "/coldStartMs", text_of},
                                 {"INPUT", "/inputTokens", text_of},
                                 {"OUTPUT", "/outputTokens", text_of}}};
  return kMetrics;
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
  if (form == "prometheus") {
    const auto reply = host.send("GET", "/metrics");
    if (!reply) return tell_error(kVerb, reply.error(), streams);
    if (exit_status(reply->status) != kOk) return tell_refusal(kVerb, *reply, streams);
    streams.out << lines_about(reply->body, *name);
    return kOk;
  }
  auto fetched = fetch_list(host, listing(), "", name->environment);
  if (!fetched) return tell_error(kVerb, fetched.error(), streams);
  if (fetched->refused) return tell_refusal(kVerb, *fetched->refused, streams);
  json::array items;
  for (json::value& item : fetched->items) {
    const json::value* model = json_at(item, "/model");
    if (name->model.empty() || (model && *model == json::value(name->model)))
      items.push_back(std::move(item));
  }
  if (form == "json") {
    streams.out << pretty_json(json::object{{"items", std::move(items)}});
    return kOk;
  }
  std::vector<std::vector<std::string>> rows = {heads(listing())};
  for (const json::value& item : items) rows.push_back(row(listing(), item));
  print_table(streams.out, rows);
  return kOk;
}

}  // namespace tenon::cli
