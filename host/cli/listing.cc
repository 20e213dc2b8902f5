#include "host/cli/listing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "host/cli/output.h"
#include "host/cli/terminal.h"
#include "host/domain/nearest.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestError = 60;

std::string plain(const json::value& value) {
  if (const json::string* text = value.if_string()) {
    return text->empty() ? "-" : terminal_text(*text);
  }
  if (const json::array* array = value.if_array()) {
    std::vector<std::string> each;
    for (const json::value& item : *array) each.push_back(plain(item));
    return array->empty() ? "-" : fmt::format("{}", fmt::join(each, ", "));
  }
  return value.is_object() ? "-" : json::serialize(value);
}

double number(const json::value& value) {
  boost::system::error_code error;
  const double out = value.to_number<double>(error);
  return error ? -1 : out;
}

std::string megabytes(const json::value& value) {
  return number(value) < 0 ? "-" : fmt::format("{:.1f} MB", number(value) / 1e6);
}

// 0: not limited.
std::string gigabytes(const json::value& value) {
  return number(value) <= 0 ? "-" : fmt::format("{:.1f} GB", number(value) / 1e9);
}

std::string leased_text(const json::value& devices) {
  std::string out;
  if (!devices.is_array()) return "-";
  for (const json::value& device : devices.get_array()) {
    const json::value* held = json_at(device, "/heldBytes");
    out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", text_at(device, "/name"),
                       held ? gigabytes(*held) : "-");
  }
  return out.empty() ? "-" : out;
}

std::string milliseconds_text(const json::value& value) {
  return number(value) < 0 ? "-" : fmt::format("{:.1f} ms", number(value));
}

// "2026-11-24T16:13:28.003Z" without what nobody reads.
std::string time_text(const json::value& value) {
  std::string out = plain(value).substr(0, 19);
  std::ranges::replace(out, 'T', ' ');
  return out;
}

std::string replicas_text(const json::value& value) {
  const json::value* ready = json_at(value, "/ready");
  const json::value* starting = json_at(value, "/starting");
  if (!ready || !starting) return "-";
  return number(*starting) > 0 ? fmt::format("{} (+{})", plain(*ready), plain(*starting))
                               : plain(*ready);
}

// Of a revision: nothing at zero.
std::string share_text(const json::value& value) {
  return number(value) > 0 ? plain(value) + " %" : "-";
}

std::string state_text(const json::value& status) {
  const json::value* state = json_at(status, "/state");
  const json::value* weight = json_at(status, "/canary/weight");
  if (!state) return "-";
  return weight ? fmt::format("{} (canary {} %)", plain(*state), plain(*weight)) : plain(*state);
}

std::string error_text(const json::value& value) {
  return shortened(plain(value), kLongestError);
}

// Of a key: "" is every one.
std::string workspace_text(const json::value& value) {
  return value.is_string() && value.get_string().empty() ? "(all)" : plain(value);
}

// What a policy leaves.
std::string allowed_text(const json::value& spec) {
  for (const char* key : {"/locations", "/flavors"}) {
    if (const json::value* found = json_at(spec, key)) return plain(*found);
  }
  const json::value* tokens = json_at(spec, "/maxTokens");
  if (!tokens || !tokens->is_object()) return "-";
  std::vector<std::string> parts;
  for (const auto& [key, value] : tokens->get_object()) {
    parts.push_back(fmt::format("{} {}", terminal_text(key), plain(value)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

const Column kWorkspaceColumn{"WORKSPACE", "/metadata/workspace", plain};
const Column kName{"NAME", "/metadata/name", plain};
const Column kManaged{"MANAGED BY", "/metadata/managedBy", plain};
const Column kCreated{"CREATED", "/metadata/createdAt", time_text};
const Column kUpdated{"UPDATED", "/metadata/updatedAt", time_text};

std::vector<Listing> make_listings() {
  return {
      {"models",
       {"model", "deployments", "deployment", "ml"},
       Kind::kDeployment,
       "/v0/models",
       false,
       {kWorkspaceColumn,
        {"MODEL", "/metadata/name", plain},
        {"ENVIRONMENT", "/metadata/environment", plain},
        {"RUNTIME", "/status/runtime", plain},
        {"STATE", "/status", state_text},
        {"REPLICAS", "/status/replicas", replicas_text},
        {"QUEUED", "/status/queued", plain},
        {"MEMORY", "/status/memoryBytes", megabytes},
        {"COLD START", "/status/lastColdStart/totalMs", milliseconds_text},
        {"LAST ERROR", "/status/lastError", error_text}}},
      {"environments",
       {"environment", "env", "envs"},
       Kind::kEnvironment,
       "/v0/environments",
       false,
       {kWorkspaceColumn, kName, {"POLICIES", "/spec/policies", plain}, kManaged, kUpdated}},
      {"policies",
       {"policy", "pol"},
       Kind::kPolicy,
       "/v0/policies",
       false,
       {kWorkspaceColumn,
        kName,
        {"TYPE", "/spec/type", plain},
        {"ALLOWS", "/spec", allowed_text},
        kManaged,
        kUpdated}},
      {"locations",
       {"location", "loc"},
       Kind::kLocation,
       "/v0/locations",
       false,
       {kName,
        {"COUNTRY", "/spec/country", plain},
        {"CONTINENT", "/spec/continent", plain},
        kManaged,
        kUpdated}},
      {"workspaces",
       {"workspace", "ws"},
       Kind::kWorkspace,
       "/v0/workspaces",
       false,
       {kName, {"TITLE", "/spec/displayName", plain}, kManaged, kCreated, kUpdated}},
      {"revisions",
       {"revision", "rev"},
       std::nullopt,
       "/v0/models",
       true,
       {{"REVISION", "/number", plain},
        {"REQUESTS", "/weight", share_text},
        {"CREATED", "/createdAt", time_text},
        {"RUNTIME", "/spec/runtime", plain},
        {"ORIGIN", "/spec/origin", plain}}},
      {"events",
       {"event"},
       std::nullopt,
       "/v0/models",
       true,
       {{"TIME", "/time", time_text},
        {"EVENT", "/type", plain},
        {"STATUS", "/status", plain},
        {"REVISION", "/revision", plain},
        {"WHY", "/message", error_text}}},
      {"keys",
       {"key"},
       std::nullopt,
       "/v0/keys",
       false,
       {{"ID", "/id", plain},
        {"NAME", "/name", plain},
        {"ROLE", "/role", plain},
        {"WORKSPACE", "/workspace", workspace_text},
        {"CREATED", "/createdAt", time_text},
        {"EXPIRES", "/expiresAt", time_text},
        {"LAST USED", "/lastUsedAt", time_text},
        {"RATE", "/rate", plain}}},
      {"plugins",
       {"plugin"},
       std::nullopt,
       "/v0/plugins",
       false,
       {{"PLUGIN", "/id", plain}, {"VERSION", "/version", plain}}},
      {"nodes",
       {"node"},
       std::nullopt,
       "/v0/nodes",
       false,
       {{"NODE", "/name", plain},
        {"FLAVOR", "/flavor", plain},
        {"CPUS", "/cpus", plain},
        {"MEMORY", "/memoryBytes", gigabytes},
        {"HELD", "/heldBytes", gigabytes},
        {"REPLICAS", "/replicas", plain},
        {"DEVICES", "/devices", plain},
        {"DRIVER", "/driver", plain},
        {"NOTE", "/note", error_text}},
       true},
      {"devices",
       {"device", "gpus"},
       std::nullopt,
       "/v0/devices",
       false,
       {{"DEVICE", "/name", plain},
        {"PRODUCT", "/product", plain},
        {"FLAVOR", "/flavor", plain},
        {"MEMORY", "/memoryBytes", gigabytes},
        {"HELD", "/heldBytes", gigabytes},
        {"REPLICAS", "/replicas", plain},
        {"NUMA", "/numaNode", plain},
        {"HEALTH", "/health", plain},
        {"WHY", "/reason", error_text}},
       true},
      {"leases",
       {"lease"},
       std::nullopt,
       "/v0/leases",
       false,
       {{"REPLICA", "/name", plain},
        {"MODEL", "/model", plain},
        {"ENVIRONMENT", "/environment", plain},
        {"REVISION", "/revision", plain},
        {"FLAVOR", "/flavor", plain},
        {"DEVICES", "/devices", leased_text},
        {"THREADS", "/threads", plain},
        {"CPUS", "/cpus", plain},
        {"HELD", "/heldBytes", gigabytes},
        {"SINCE", "/since", time_text}},
       true},
      {"audit",
       {"audits"},
       std::nullopt,
       "/v0/audit",
       false,
       {{"NUMBER", "/number", plain},
        {"TIME", "/time", time_text},
        {"WHO", "/who", plain},
        {"ACTION", "/action", plain},
        {"RESOURCE", "/resource", plain},
        {"RESULT", "/result", plain}}},
  };
}

Result<const Listing*> find(std::string_view word, bool kinds_only) {
  std::vector<std::string_view> shown, known;
  for (const Listing& listing : listings()) {
    if (kinds_only && !listing.kind) continue;
    if (word == listing.name || std::ranges::find(listing.others, word) != listing.others.end())
      return &listing;
    shown.push_back(listing.name);
    known.push_back(listing.name);
    known.insert(known.end(), listing.others.begin(), listing.others.end());
  }
  return fail(Code::kInvalid, fmt::format("there is no kind '{}'{}\nkinds: {}", word,
                                          did_you_mean(word, known), fmt::join(shown, ", ")));
}

}  // namespace

std::span<const Listing> listings() {
  static const std::vector<Listing> kListings = make_listings();
  return kListings;
}

Result<const Listing*> find_listing(std::string_view word) {
  return find(word, false);
}

Result<const Listing*> find_kind(std::string_view word) {
  return find(word, true);
}

const Listing& budgets_listing() {
  static const Listing kBudgets{"tokenBudgets",
                                {},
                                std::nullopt,
                                "",
                                false,
                                {{"POLICY", "/policy", plain},
                                 {"OF", "/owner", plain},
                                 {"TOKENS", "/tokens", plain},
                                 {"LIMIT", "/limit", plain},
                                 {"SPENT", "/spent", plain},
                                 {"LEFT", "/left", plain},
                                 {"UNTIL", "/windowEnd", time_text}}};
  return kBudgets;
}

std::vector<std::string> heads(const Listing& listing) {
  std::vector<std::string> out;
  for (const Column& column : listing.columns) out.emplace_back(column.head);
  return out;
}

std::vector<std::string> row(const Listing& listing, const json::value& item) {
  std::vector<std::string> out;
  for (const Column& column : listing.columns) {
    const json::value* found = json_at(item, column.pointer);
    out.push_back(found && !found->is_null() ? column.text(*found) : "-");
  }
  return out;
}

}  // namespace tenon::cli
