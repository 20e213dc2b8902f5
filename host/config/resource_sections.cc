#include <fmt/format.h>

#include <algorithm>

#include "host/config/manifest.h"
#include "host/config/sections.h"
#include "host/domain/code_name.h"

namespace tenon::config {
namespace {

constexpr std::int64_t kMostTokens = (1LL << 48) - 1;  // what a pool counts to
constexpr std::size_t kLongestLabel = 256;

std::string code(Table& table, std::string_view key) {
  const auto found = table.required_text(key);
  if (!found) return {};
  std::string lower = lower_case(found->value);
  if (is_valid_code(lower)) return lower;
  table.problem(
      found->at,
      fmt::format("'{}' is no {}: expected 1 to 63 of a-z, 0-9, -, . and _, with a letter "
                  "or digit at both ends",
                  found->value, key));
  return {};
}

// The strings of an array, each read by `parse`.
template <class T>
std::vector<T> parsed(Table& table, std::string_view key, Result<T> (*parse)(std::string_view)) {
  std::vector<T> out;
  const auto texts = table.strings(key);
  if (!texts) return out;
  if (texts->empty()) {
    table.problem(table.position(key),
                  fmt::format("'{}' names nothing: a policy allows at least one", key));
  }
  for (const auto& [text, at] : *texts) {
    if (auto value = parse(text)) {
      out.push_back(*std::move(value));
    } else {
      table.problem(at, std::move(value.error().message));
    }
  }
  return out;
}

MaxTokens read_max_tokens(Table& table) {
  MaxTokens out;
  const auto granularity =
      table.one_of<Granularity>("granularity", {{"minute", Granularity::kMinute},
                                                {"hour", Granularity::kHour},
                                                {"day", Granularity::kDay},
                                                {"month", Granularity::kMonth}});
  if (!table.has("granularity")) {
    table.problem(table.position(), "'granularity' is missing: minute, hour, day or month");
  }
  out.granularity = granularity.value_or(out.granularity);
  out.step = static_cast<unsigned>(table.integer("step", 1, MaxTokens::kLongestStep).value_or(1));
  const auto limit = [&](std::string_view key) {
    return static_cast<std::uint64_t>(table.integer(key, 0, kMostTokens).value_or(0));
  };
  out.input = limit("input");
  out.output = limit("output");
  out.total = limit("total");
  if (out.input == 0 && out.output == 0 && out.total == 0) {
    table.problem(table.position(),
                  "'maxTokens' limits nothing: expected 'input', 'output' or 'total'");
  }
  return out;
}

Policy read_policy(Table& table, std::string name) {
  Policy policy;
  policy.name = std::move(name);
  const auto type = table.one_of<PolicyType>("type", {{"location", PolicyType::kLocation},
                                                      {"flavor", PolicyType::kFlavor},
                                                      {"maxToken", PolicyType::kMaxToken}});
  if (!table.has("type")) {
    table.problem(table.position(), "'type' is missing: location, flavor or maxToken");
  }
  policy.locations = parsed(table, "locations", parse_location_ref);
  policy.flavors = parsed(table, "flavors", parse_flavor);
  if (auto tokens = table.table("maxTokens")) policy.max_tokens = read_max_tokens(*tokens);
  if (!type) return policy;
  policy.type = *type;
  constexpr std::array<std::pair<PolicyType, std::string_view>, 3> kFields = {
      {{PolicyType::kLocation, "locations"},
       {PolicyType::kFlavor, "flavors"},
       {PolicyType::kMaxToken, "maxTokens"}}};
  for (const auto& [of, key] : kFields) {
    if (of == *type && !table.has(key)) {
      table.problem(table.position(), fmt::format("'{}' is missing: a policy of type {} says what "
                                                  "is allowed with it",
                                                  key, to_string(*type)));
    } else if (of != *type && table.has(key)) {
      table.problem(table.position(key),
                    fmt::format("'{}' belongs to policies of type {}; this one is of type {}", key,
                                to_string(of), to_string(*type)));
    }
  }
  return policy;
}

Naming read_naming(Table& table) {
  Naming out;
  if (auto name = table.string("displayName")) out.display_name = std::move(*name);
  if (auto labels = table.table("labels")) {
    for (const std::string& key : labels->keys()) {
      auto value = labels->text(key);
      if (!value) continue;
      if (key.empty() || key.size() + value->value.size() > kLongestLabel) {
        labels->problem(value->at,
                        fmt::format("a label's name and value take 1 to {} bytes", kLongestLabel));
      }
      out.labels.emplace_back(key, std::move(value->value));
    }
    std::ranges::sort(out.labels);
  }
  return out;
}

}  // namespace

std::string checked_name(Table& table, std::string_view what, std::optional<Text> found) {
  if (!found) return {};
  if (is_valid_name(found->value)) return std::move(found->value);
  table.problem(found->at, fmt::format("'{}' is no {} name: expected 1 to 63 of a-z, 0-9 and -, "
                                       "with a letter or digit at both ends",
                                       found->value, what));
  return {};
}

std::string checked_workspace(Table& table, std::optional<Text> found) {
  if (found && is_reserved_workspace(found->value)) {
    table.problem(found->at, fmt::format("'{}' is no workspace name: the host keeps /{} for itself",
                                         found->value, found->value));
    return {};
  }
  return checked_name(table, "workspace", std::move(found));
}

std::vector<std::string> read_names(Table& table, std::string_view key, std::string_view what) {
  std::vector<std::string> out;
  for (Text& text : table.strings(key).value_or(std::vector<Text>{})) {
    if (std::ranges::find(out, text.value) != out.end()) {
      table.problem(text.at, fmt::format("{} '{}' is named twice", what, text.value));
      continue;
    }
    if (auto name = checked_name(table, what, std::move(text)); !name.empty()) {
      out.push_back(std::move(name));
    }
  }
  return out;
}

Draft read_resource(Kind kind, Table& table, const ResourceContext& context) {
  Draft out;
  out.key.kind = kind;
  if (kind != Kind::kWorkspace && kind != Kind::kLocation) {
    out.key.workspace = context.workspace;
    if (auto name = table.text("workspace")) {
      out.key.workspace = checked_name(table, "workspace", std::move(name));
    }
  }
  out.naming = read_naming(table);
  switch (kind) {
    case Kind::kWorkspace:
      out.key.name = checked_workspace(table, table.required_text("name"));
      out.spec = Workspace{out.key.name};
      break;
    case Kind::kLocation:
      out.key.name = code(table, "name");
      out.spec = Location{out.key.name, code(table, "country"), code(table, "continent")};
      break;
    case Kind::kEnvironment:
      out.key.name = checked_name(table, "environment", table.required_text("name"));
      out.spec = Environment{out.key.name, read_names(table, "policies", "policy")};
      break;
    case Kind::kPolicy:
      out.key.name = checked_name(table, "policy", table.required_text("name"));
      out.spec = read_policy(table, out.key.name);
      break;
    case Kind::kDeployment: {
      DeploymentSpec spec = read_deployment(table, context);
      spec.key.workspace = out.key.workspace;
      out.key.name = spec.key.model;
      out.key.environment = spec.key.environment;
      out.spec = std::move(spec);
      break;
    }
  }
  return out;
}

}  // namespace tenon::config
