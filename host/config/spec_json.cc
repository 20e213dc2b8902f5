#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "host/config/manifest.h"
#include "host/domain/units.h"

namespace tenon::config {
namespace {

namespace json = boost::json;

template <class T, class Text>
json::array texts(const std::vector<T>& values, Text text) {
  json::array out;
  for (const T& value : values) out.emplace_back(text(value));
  return out;
}

json::array names(const std::vector<std::string>& values) {
  return texts(values, [](const std::string& name) { return json::string(name); });
}

// Writes a field that is not as by default.
template <class T, class Json>
void put(json::object& out, std::string_view key, const T& value, const T& usual, Json json) {
  if (value != usual) out[key] = json(value);
}
template <class T>
void put(json::object& out, std::string_view key, const T& value, const T& usual) {
  if (value != usual) out[key] = value;
}

json::object spec_of(const Workspace& workspace, bool) {
  return {{"name", workspace.name}};
}

json::object spec_of(const Location& location, bool) {
  return {
      {"name", location.name}, {"country", location.country}, {"continent", location.continent}};
}

json::object spec_of(const Environment& environment, bool) {
  json::object out{{"name", environment.name}};
  if (!environment.policies.empty()) out["policies"] = names(environment.policies);
  return out;
}

json::object tokens_of(const MaxTokens& tokens) {
  json::object out{{"granularity", to_string(tokens.granularity)}};
  put(out, "step", tokens.step, 1U);
  put(out, "input", tokens.input, std::uint64_t{});
  put(out, "output", tokens.output, std::uint64_t{});
  put(out, "total", tokens.total, std::uint64_t{});
  return out;
}

json::object spec_of(const Policy& policy, bool) {
  json::object out{{"name", policy.name}, {"type", to_string(policy.type)}};
  switch (policy.type) {
    case PolicyType::kLocation:
      out["locations"] = texts(policy.locations,
                               [](const LocationRef& ref) { return json::string(to_string(ref)); });
      break;
    case PolicyType::kFlavor:
      out["flavors"] = texts(policy.flavors,
                             [](const Flavor& flavor) { return json::string(to_string(flavor)); });
      break;
    case PolicyType::kMaxToken:
      out["maxTokens"] = tokens_of(policy.max_tokens);
      break;
  }
  return out;
}

json::string duration(milliseconds time) {
  return json::string(duration_text(time));
}

json::object scale_of(const Scale& scale) {
  const Scale usual;
  json::object out;
  put(out, "minReplicas", scale.min_replicas, usual.min_replicas);
  put(out, "maxReplicas", scale.max_replicas, usual.max_replicas);
  put(out, "metric", scale.metric, usual.metric, [](ScaleMetric metric) {
    constexpr std::array<std::string_view, 4> kNames = {"concurrency", "rps", "cpu", "memory"};
    return json::string(kNames[static_cast<std::size_t>(metric)]);
  });
  // Another metric has another usual target.
  if (scale.metric != usual.metric || scale.target != usual.target) out["target"] = scale.target;
  put(out, "scaleUpMinimum", scale.scale_up_minimum, usual.scale_up_minimum);
  put(out, "stableWindow", scale.stable_window, usual.stable_window, duration);
  put(out, "scaleDownDelay", scale.scale_down_delay, usual.scale_down_delay, duration);
  put(out, "lastReplicaRetention", scale.last_replica_retention, usual.last_replica_retention,
      duration);
  return out;
}

json::object limits_of(const DeploymentLimits& limits) {
  const DeploymentLimits usual;
  json::object out;
  put(out, "maxWait", limits.max_wait, usual.max_wait, duration);
  put(out, "queue", limits.queue, usual.queue);
  put(out, "loadTimeout", limits.load_timeout, usual.load_timeout, duration);
  put(out, "answerTimeout", limits.answer_timeout, usual.answer_timeout, duration);
  const auto size = [](std::uint64_t bytes) { return json::string(fmt::format("{}B", bytes)); };
  put(out, "memory", limits.memory, usual.memory, size);
  put(out, "deviceMemory", limits.device_memory, usual.device_memory, size);
  return out;
}

json::value option_value(const GivenOption& option) {
  const char* end = option.text.data() + option.text.size();
  if (option.type == ValueType::kBoolean) return option.text == "true";
  if (std::int64_t integer = 0; option.type == ValueType::kInteger &&
                                std::from_chars(option.text.data(), end, integer).ptr == end) {
    return integer;
  }
  if (double number = 0; option.type == ValueType::kNumber &&
                         std::from_chars(option.text.data(), end, number).ptr == end) {
    return number;
  }
  return json::string(option.text);
}

json::object environment_of(const DeploymentSpec& spec, bool shown) {
  json::object out;
  for (const auto& [name, value] : spec.environment) {
    if (std::ranges::find(spec.secrets, name) == spec.secrets.end()) {
      out[name] = value;
      continue;
    }
    json::object secret{{"secret", true}};
    if (!shown) secret["value"] = value;
    out[name] = std::move(secret);
  }
  return out;
}

void put_table(json::object& out, std::string_view key, json::object table) {
  if (!table.empty()) out[key] = std::move(table);
}

json::object spec_of(const DeploymentSpec& spec, bool shown) {
  json::object out{{"model", spec.key.model},
                   {"environment", spec.key.environment},
                   {"runtime", spec.runtime},
                   {"origin", "file:" + spec.model_path}};
  if (!shown) put(out, "originDigest", spec.origin_digest, std::uint64_t{});
  put(out, "enabled", spec.enabled, true);
  if (!spec.flavors.empty()) out["flavors"] = names(spec.flavors);
  put(out, "devicesPerReplica", spec.devices_per_replica, std::uint16_t{1});
  if (!spec.policies.empty()) out["policies"] = names(spec.policies);
  if (spec.isolation == Isolation::kHost) out["isolation"] = "host";
  if (spec.canary) {
    json::object canary{{"weight", spec.canary->weight}};
    if (!shown) canary["stable"] = spec.canary->stable;
    out["canary"] = std::move(canary);
  }
  put_table(out, "scale", scale_of(spec.scale));
  put_table(out, "limits", limits_of(spec.limits));
  put_table(out, "env", environment_of(spec, shown));
  json::object options;
  for (const GivenOption& option : spec.given) options[option.name] = option_value(option);
  put_table(out, "options", std::move(options));
  return out;
}

}  // namespace

json::object spec_json(const Draft& draft, bool shown) {
  json::object out =
      std::visit([shown](const auto& spec) { return spec_of(spec, shown); }, draft.spec);
  if (!draft.naming.display_name.empty()) out["displayName"] = draft.naming.display_name;
  json::object labels;
  for (const auto& [key, value] : draft.naming.labels) labels[key] = value;
  put_table(out, "labels", std::move(labels));
  return out;
}

}  // namespace tenon::config
