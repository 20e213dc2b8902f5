#include "host/control/usage_json.h"

#include <boost/json/array.hpp>
#include <map>
#include <string>
#include <tuple>

namespace tenon::control {
namespace {

namespace json = boost::json;

using Group = std::tuple<std::string, std::string, std::uint64_t, std::string>;

Group group_of(const store::Use& use, UsageBy by) {
  switch (by) {
    case UsageBy::kDeployment:
      return {use.deployment.model, use.deployment.environment, 0, ""};
    case UsageBy::kRevision:
      return {use.deployment.model, use.deployment.environment, use.revision, ""};
    case UsageBy::kFlavor:
      return {"", "", 0, use.flavor};
    case UsageBy::kEnvironment:
      return {"", use.deployment.environment, 0, ""};
  }
  return {};
}

json::object numbers(const store::Use& use) {
  return {{"requests", use.requests},
          {"inputTokens", use.input_tokens},
          {"outputTokens", use.output_tokens},
          {"replicaSeconds", static_cast<double>(use.replica_milliseconds) / 1e3},
          {"deviceByteSeconds", use.device_byte_seconds}};
}

json::object item(const Group& group, const store::Use& use) {
  const auto& [model, environment, revision, flavor] = group;
  json::object out;
  if (!model.empty()) out["model"] = model;
  if (!environment.empty()) out["environment"] = environment;
  if (revision != 0) out["revision"] = revision;
  if (!flavor.empty()) out["flavor"] = flavor;
  for (auto& [name, value] : numbers(use)) out[name] = std::move(value);
  return out;
}

}  // namespace

std::optional<UsageBy> usage_by(std::string_view word) {
  if (word == "deployment") return UsageBy::kDeployment;
  if (word == "revision") return UsageBy::kRevision;
  if (word == "flavor") return UsageBy::kFlavor;
  if (word == "environment") return UsageBy::kEnvironment;
  return std::nullopt;
}

json::object usage_json(std::span<const store::Use> uses, UsageBy by) {
  std::map<Group, store::Use> groups;
  store::Use total;
  for (const store::Use& use : uses) {
    store::add(groups[group_of(use, by)], use);
    store::add(total, use);
  }
  json::array items;
  for (const auto& [group, use] : groups) items.push_back(item(group, use));
  return {{"items", std::move(items)}, {"total", numbers(total)}};
}

}  // namespace tenon::control
