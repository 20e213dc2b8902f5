#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <iterator>
#include <set>

#include "host/control/api.h"
#include "host/control/canary_routes.h"
#include "host/control/event_books.h"
#include "host/control/keys_routes.h"
#include "host/control/machine_routes.h"
#include "host/control/metrics_routes.h"
#include "host/control/openapi.h"
#include "host/control/page.h"
#include "host/control/resource_json.h"
#include "host/control/usage_routes.h"
#include "host/domain/moment.h"

// The API's operations, one after another as routes() lists them.
namespace tenon::control {
namespace {

namespace json = boost::json;

// ---- all kinds

template <Kind kind>
ResourceKey key_of(const Call& call) {
  if constexpr (kind == Kind::kWorkspace || kind == Kind::kLocation) {
    return {kind, "", call.path(0), ""};
  } else if constexpr (kind == Kind::kDeployment) {
    return {kind, call.workspace, call.path(0),
            call.text("environment").value_or(std::string(kProduction))};
  } else {
    return {kind, call.workspace, call.path(0), ""};
  }
}

void not_found(Call& call, const ResourceKey& key) {
  call.refuse(api::kResourceNotFound, fmt::format("there is no {}", to_string(key)));
}

// Pages go on after a name: "name" or "name@environment".
std::string page_mark(const ResourceKey& key) {
  return key.environment.empty() ? key.name : key.name + "@" + key.environment;
}

template <Kind kind>
void list(Api& api, Call& call) {
  const std::size_t limit = page_size(call);
  const std::string after = call.text("after").value_or("");
  const auto environment = call.text("environment");
  const auto snapshot = api.parts().catalog.snapshot();
  constexpr bool kGlobal = kind == Kind::kWorkspace || kind == Kind::kLocation;
  const std::string workspace = kGlobal ? "" : call.workspace;
  if (call.flag("watch") && call.request().method != "HEAD") {
    return api.watches().add({kind, workspace, environment}, call.reply(), snapshot);
  }
  const std::size_t at = after.find('@');
  const ResourceKey from{kind, workspace, after.substr(0, at),
                         at == std::string::npos ? "" : after.substr(at + 1)};
  // Item by item: a tree of the whole page takes more time, and more memory at once.
  std::string items;
  std::size_t count = 0;
  json::value next = nullptr;
  const ResourceKey* last = nullptr;
  for (auto each = after.empty() ? snapshot->from(from) : snapshot->after(from);
       each != snapshot->entries.end(); ++each) {
    const ResourceKey& key = (*each)->key();
    if (key.kind != kind || (!kGlobal && key.workspace != workspace)) break;
    if (environment && key.environment != *environment) continue;
    if (count == limit) {
      next = page_mark(*last);
      break;
    }
    last = &key;
    if (count++ != 0) items += ',';
    items += json::serialize(api.show(**each, false));
  }
  call.answer_text(fmt::format(R"({{"items":[{}],"next":{}}})", items, json::serialize(next)));
}

template <Kind kind>
void get(Api& api, Call& call) {
  const ResourceKey key = key_of<kind>(call);
  const auto snapshot = api.parts().catalog.snapshot();
  const Entry* entry = snapshot->find(key);
  if (!entry) return not_found(call, key);
  call.answer(api.show(*entry, true));
}

template <Kind kind>
void put(Api& api, Call& call) {
  const ResourceKey key = key_of<kind>(call);
  // Without ?environment= the body may name it.
  const std::string environment = call.text("environment").value_or("");
  if (auto wish = api.wish(call, kind, key.name, environment)) {
    api.change(call, {*std::move(wish)}, 201);
  }
}

template <Kind kind>
void post(Api& api, Call& call) {
  auto wish = api.wish(call, kind, "", "");
  if (!wish) return;
  wish->version = 0;
  api.change(call, {*std::move(wish)}, 201);
}

template <Kind kind>
void remove(Api& api, Call& call) {
  Wish wish;
  wish.draft.key = key_of<kind>(call);
  wish.remove = true;
  if constexpr (kind == Kind::kWorkspace) {
    if (!is_without_keys(api, call, call.path(0))) return;
  }
  if (const std::int64_t version = call.integer("version", 0); version != 0) {
    wish.version = static_cast<std::uint64_t>(version);
  }
  api.change(call, {std::move(wish)}, 200);
}

// ---- deployments

// The one of a call as it is now, to be changed; nothing when it was refused.
std::optional<Draft> present(Api& api, Call& call, const ResourceKey& key) {
  const auto snapshot = api.parts().catalog.snapshot();
  if (const Entry* entry = snapshot->find(key)) return entry->draft;
  not_found(call, key);
  return std::nullopt;
}

void set_enabled(Api& api, Call& call, bool enabled) {
  auto draft = present(api, call, key_of<Kind::kDeployment>(call));
  if (!draft) return;
  std::get<DeploymentSpec>(draft->spec).enabled = enabled;
  api.change(call, {{.draft = *std::move(draft)}}, 200);
}
void activate(Api& api, Call& call) {
  set_enabled(api, call, true);
}
void deactivate(Api& api, Call& call) {
  set_enabled(api, call, false);
}

// The text of a key of the body; nothing when it was refused.
std::optional<std::string> body_text(Call& call, std::string_view key) {
  const json::value* found = call.body().if_contains(key);
  if (found && found->is_string()) return std::string(found->get_string());
  call.refuse(api::kBadRequest, fmt::format("{}: expected a string", key));
  return std::nullopt;
}

bool knows_only(Call& call, std::initializer_list<std::string_view> keys) {
  for (const auto& [key, value] : call.body()) {
    if (std::ranges::find(keys, std::string_view(key)) != keys.end()) continue;
    call.refuse(api::kBadRequest, fmt::format("unknown key '{}'; known keys: {}",
                                              std::string_view(key), fmt::join(keys, ", ")));
    return false;
  }
  return true;
}

// Copies the deployment of one environment over that of another, whose own policies stay unless
// "policies" asks for the origin's. What a canary is tried for is not released.
void release(Api& api, Call& call) {
  if (!knows_only(call, {"from", "to", "policies", "canary"})) return;
  const auto from = body_text(call, "from");
  const auto to = from ? body_text(call, "to") : std::nullopt;
  if (!to) return;
  const json::value* with = call.body().if_contains("policies");
  if (with && !with->is_bool())
    return call.refuse(api::kBadRequest, "policies: expected a boolean");
  const json::value* weight = call.body().if_contains("canary");
  const auto share = weight ? whole_number(*weight) : std::nullopt;
  if (weight && (!share || *share < 1 || *share > 99)) {
    return call.refuse(api::kBadRequest, "canary: expected a percentage from 1 to 99");
  }
  const ResourceKey origin{Kind::kDeployment, call.workspace, call.path(0), *from};
  auto draft = present(api, call, origin);
  if (!draft) return;
  const auto snapshot = api.parts().catalog.snapshot();
  auto& spec = std::get<DeploymentSpec>(draft->spec);
  if (const Entry* entry = snapshot->find(origin); entry && entry->stable) {
    const bool enabled = spec.enabled;
    spec = std::get<DeploymentSpec>(entry->stable->draft.spec);
    spec.enabled = enabled;
  }
  draft->key.environment = spec.key.environment = *to;
  spec.origin_digest = 0;  // of what lies there now
  if (share) spec.canary = CanaryShare{static_cast<unsigned>(*share), 0};
  const Entry* there = snapshot->find(draft->key);
  if (!with || !with->get_bool()) {
    spec.policies =
        there ? std::get<DeploymentSpec>(there->draft.spec).policies : std::vector<std::string>();
  }
  api.change(call, {{.draft = *std::move(draft)}}, 201);
}

void rollback(Api& api, Call& call) {
  if (!knows_only(call, {"revision"})) return;
  const json::value* wanted = call.body().if_contains("revision");
  const auto number = wanted ? whole_number(*wanted) : std::nullopt;
  if (!number || *number < 1) {
    return call.refuse(api::kBadRequest, "revision: expected a revision's number");
  }
  const ResourceKey key = key_of<Kind::kDeployment>(call);
  auto draft = present(api, call, key);
  if (!draft) return;
  const auto kept = api.parts().store.revisions(deployment_key(key));
  if (!kept) return call.refuse(kept.error());
  const auto revision =
      std::ranges::find(*kept, static_cast<std::uint64_t>(*number), &store::Revision::number);
  if (revision == kept->end()) {
    return call.refuse(api::kResourceNotFound,
                       fmt::format("{} has no revision {}; it keeps {} to {}", to_string(key),
                                   *number, kept->back().number, kept->front().number));
  }
  const auto before = config::draft_of(key, revision->document);
  if (!before) return call.refuse(before.error());
  const bool enabled = std::get<DeploymentSpec>(draft->spec).enabled;
  draft->spec = before->spec;
  auto& spec = std::get<DeploymentSpec>(draft->spec);
  spec.enabled = enabled;
  spec.origin_digest = 0;  // of what lies there now
  api.change(call, {{.draft = *std::move(draft)}}, 200);
}

json::value digest_text(const Draft& draft) {
  const std::uint64_t digest = std::get<DeploymentSpec>(draft.spec).origin_digest;
  return digest == 0 ? json::value(nullptr) : json::value(fmt::format("{:016x}", digest));
}

void revisions(Api& api, Call& call) {
  const ResourceKey key = key_of<Kind::kDeployment>(call);
  const auto now = present(api, call, key);
  if (!now) return;
  const auto kept = api.parts().store.revisions(deployment_key(key));
  if (!kept) return call.refuse(kept.error());
  const auto& canary = std::get<DeploymentSpec>(now->spec).canary;
  const auto weight = [&](std::uint64_t number) {
    const unsigned newest = canary ? canary->weight : 100;
    if (number == kept->front().number) return newest;
    return canary && number == canary->stable ? 100 - newest : 0;
  };
  json::array items;
  for (const store::Revision& revision : *kept) {
    const auto draft = config::draft_of(key, revision.document);
    items.push_back(json::object{
        {"number", revision.number},
        {"active", weight(revision.number) != 0},
        {"weight", weight(revision.number)},
        {"createdAt", utc_text(revision.created_at)},
        {"originDigest", draft ? digest_text(*draft) : json::value(nullptr)},
        {"spec", draft ? json::value(config::spec_json(*draft, true)) : json::value(nullptr)}});
  }
  call.answer(json::object{{"items", std::move(items)}, {"next", nullptr}});
}

void events(Api& api, Call& call) {
  const ResourceKey key = key_of<Kind::kDeployment>(call);
  if (!present(api, call, key)) return;
  const auto kept = api.parts().events.of(deployment_key(key));
  if (!kept) return call.refuse(kept.error());
  call.answer(json::object{{"items", events_json(*kept)}, {"next", nullptr}});
}

void logs(Api& api, Call& call) {
  constexpr std::int64_t kLines = 100, kMostLines = 1'000;
  const ResourceKey key = key_of<Kind::kDeployment>(call);
  if (!present(api, call, key)) return;
  const auto most = static_cast<std::size_t>(
      std::clamp<std::int64_t>(call.integer("tail", kLines), 0, kMostLines));
  LogBook& book = api.parts().logs;
  if (call.flag("follow") && call.request().method != "HEAD") {
    return book.follow(deployment_key(key), most, call.reply());
  }
  call.answer(json::object{{"items", book.lines(deployment_key(key), most)}, {"next", nullptr}});
}

// ---- the host as a whole

// The array under a key of the body; empty when there is none; nothing when it was refused.
std::optional<json::array> body_array(Call& call, std::string_view key, std::string_view items) {
  const json::value* found = call.body().if_contains(key);
  if (!found) return json::array();
  if (found->is_array()) return found->get_array();
  call.refuse(api::kBadRequest, fmt::format("{}: expected an array of {}", key, items));
  return std::nullopt;
}

// Takes out what is not there; what it was.
json::array take_out_absent(const Snapshot& now, std::vector<Wish>& removals) {
  json::array out;
  std::erase_if(removals, [&](const Wish& wish) {
    if (now.find(wish.draft.key)) return false;
    json::object absent = planned_json({wish.draft.key, store::Done::kUnchanged, "", ""});
    absent["result"] = "absent";
    out.push_back(std::move(absent));
    return true;
  });
  return out;
}

// Many resources, all or none.
void apply(Api& api, Call& call) {
  if (!knows_only(call, {"resources", "remove"})) return;
  if (call.body().empty()) {
    return call.refuse(api::kBadRequest, "resources: expected an array of {\"kind\", \"spec\"}");
  }
  const auto resources = body_array(call, "resources", "{\"kind\", \"spec\"}");
  const auto remove = resources ? body_array(call, "remove", "{\"kind\", \"name\"}") : resources;
  if (!remove) return;
  std::vector<Wish> wishes, removals;
  if (!api.wishes(call, *resources, wishes) || !api.removals(call, *remove, removals)) return;
  json::array absent;
  if (call.flag("ignoreAbsent")) {
    absent = take_out_absent(*api.parts().catalog.snapshot(), removals);
  }
  for (const Wish& wish : removals) {
    const ResourceKey& key = wish.draft.key;
    if (key.kind == Kind::kWorkspace && !is_without_keys(api, call, key.name)) return;
  }
  std::ranges::move(removals, std::back_inserter(wishes));
  const auto done = api.parts().catalog.change(wishes, call.who, call.flag("dryRun"));
  if (!done) return call.refuse(done.error());
  json::array results;
  for (const Planned& planned : *done) results.push_back(planned_json(planned));
  std::ranges::move(absent, std::back_inserter(results));
  call.answer(json::object{{"results", std::move(results)}});
}

// The places that policies can name.
void configuration(Api& api, Call& call) {
  std::set<std::string> continents, countries;
  json::array places;
  api.parts().catalog.snapshot()->each(Kind::kLocation, "", [&](const Entry& entry) {
    const auto& location = std::get<Location>(entry.draft.spec);
    continents.insert(location.continent);
    countries.insert(location.country);
    places.push_back(json::object{{"name", location.name}});
  });
  const auto names = [](const std::set<std::string>& codes) {
    json::array out;
    for (const std::string& code : codes) out.push_back(json::object{{"name", code}});
    return out;
  };
  call.answer(json::object{{"continents", names(continents)},
                           {"countries", names(countries)},
                           {"locations", std::move(places)}});
}

void plugin_list(Api& api, Call& call) {
  json::array items;
  for (const plugins::Manifest& plugin : api.parts().known()->plugins) {
    items.push_back(json::object{{"id", plugin.id}, {"version", plugin.version}});
  }
  call.answer(json::object{{"items", std::move(items)}, {"next", nullptr}});
}

void audit(Api& api, Call& call) {
  const std::size_t limit = page_size(call);
  std::optional<std::uint64_t> before;
  if (call.text("before")) before = static_cast<std::uint64_t>(call.integer("before", 0));
  const auto entries = api.parts().store.audit(before, limit);
  if (!entries) return call.refuse(entries.error());
  json::array items;
  for (const store::AuditEntry& entry : *entries) {
    items.push_back(json::object{{"number", entry.number},
                                 {"time", utc_text(entry.at)},
                                 {"who", entry.who},
                                 {"action", entry.action},
                                 {"resource", entry.resource},
                                 {"result", entry.result}});
  }
  call.answer(json::object{{"items", std::move(items)}, {"next", nullptr}});
}

void openapi(Api&, Call& call) {
  call.answer(openapi_json(routes()));
}

// ---- the table

using access::Act;
using Type = Param::Type;

const Param kEnvironmentParam{"environment", Type::kString,
                              "of the deployment; production when absent"};
const Param kEnvironmentFilter{"environment", Type::kString, "only its deployments"};
const Param kEnvironmentNeeded{"environment", Type::kString, "of the deployment", true};
const Param kWatch{"watch", Type::kBoolean,
                   "stream all of them, then what changes, as server-sent events"};
const Param kDryRun{"dryRun", Type::kBoolean, "say what would change, and change nothing"};
const Param kForce{"force", Type::kBoolean, "change also what a file manages"};
const Param kIgnoreAbsent{"ignoreAbsent", Type::kBoolean,
                          "what shall be removed and is not there is no mistake"};
const Param kTail{"tail", Type::kInteger, "lines at most, up to 1000; 100 when absent"};
const Param kFollow{"follow", Type::kBoolean,
                    "stream these lines, then those that come, as server-sent events"};
const Param kVersion{"version", Type::kInteger, "the version that it must have now"};

template <Kind kind>
void add_resource(std::vector<Route>& out, std::string_view path, std::string_view one_path,
                  std::array<std::string_view, 5> ids, std::array<std::string_view, 3> schemas,
                  Act reads, Act writes) {
  constexpr bool kHasEnvironment = kind == Kind::kDeployment;
  const auto [schema, wish, list_schema] = schemas;
  const auto with = [](std::vector<Param> params, const Param& environment) {
    if (kHasEnvironment) params.push_back(environment);
    return params;
  };
  out.push_back({"GET", path, ids[0], "Lists them, ordered by name", reads,
                 with({kLimit, kAfter, kWatch}, kEnvironmentFilter), "", list_schema, 200,
                 list<kind>});
  out.push_back({"POST",
                 path,
                 ids[1],
                 "Creates one that is not there yet",
                 writes,
                 {kDryRun, kForce},
                 wish,
                 schema,
                 201,
                 post<kind>});
  out.push_back({"GET", one_path, ids[2], "Shows one", reads, with({}, kEnvironmentParam), "",
                 schema, 200, get<kind>});
  out.push_back({"PUT", one_path, ids[3], "Creates or updates one", writes,
                 with({kDryRun, kForce}, kEnvironmentParam), wish, schema, 200, put<kind>});
  out.push_back({"DELETE", one_path, ids[4], "Removes one", writes,
                 with({kDryRun, kForce, kVersion}, kEnvironmentNeeded), "", "Change", 200,
                 remove<kind>});
}

std::vector<Route> make_routes() {
  std::vector<Route> out;
  add_resource<Kind::kDeployment>(
      out, "/v0/models", "/v0/models/{model}",
      {"listModels", "createModel", "getModel", "putModel", "deleteModel"},
      {"Deployment", "DeploymentWish", "DeploymentList"}, Act::kRead, Act::kWriteModels);
  const auto of_model = [&](std::string_view path, std::string_view id, std::string_view help,
                            std::string_view body, auto handle) {
    out.push_back({"POST",
                   path,
                   id,
                   help,
                   Act::kWriteModels,
                   {kEnvironmentParam, kDryRun, kForce},
                   body,
                   "Deployment",
                   200,
                   handle});
  };
  of_model("/v0/models/{model}/activate", "activateModel", "Lets its endpoint answer", "",
           activate);
  of_model("/v0/models/{model}/deactivate", "deactivateModel",
           "Drains it; its endpoint answers nobody and it takes no resources", "", deactivate);
  of_model("/v0/models/{model}/rollback", "rollbackModel", "Makes an earlier revision serve again",
           "Rollback", rollback);
  add_canary_routes(out);
  out.push_back({"POST",
                 "/v0/models/{model}/release",
                 "releaseModel",
                 "Copies the deployment of one environment over that of another",
                 Act::kWriteModels,
                 {kDryRun, kForce},
                 "Release",
                 "Deployment",
                 200,
                 release});
  out.push_back({"GET",
                 "/v0/models/{model}/revisions",
                 "listRevisions",
                 "Lists the revisions that are kept, the newest first",
                 Act::kRead,
                 {kEnvironmentParam},
                 "",
                 "RevisionList",
                 200,
                 revisions});
  out.push_back({"GET",
                 "/v0/models/{model}/events",
                 "listEvents",
                 "Lists what happened to it, the last 50 events, the oldest first",
                 Act::kRead,
                 {kEnvironmentParam},
                 "",
                 "EventList",
                 200,
                 events});
  out.push_back({"GET",
                 "/v0/models/{model}/logs",
                 "listLogs",
                 "Tells the last lines of its log: what the host says of it, and its plugin",
                 Act::kRead,
                 {kEnvironmentParam, kTail, kFollow},
                 "",
                 "LogList",
                 200,
                 logs});
  add_resource<Kind::kEnvironment>(out, "/v0/environments", "/v0/environments/{environment}",
                                   {"listEnvironments", "createEnvironment", "getEnvironment",
                                    "putEnvironment", "deleteEnvironment"},
                                   {"Environment", "EnvironmentWish", "EnvironmentList"},
                                   Act::kRead, Act::kWritePolicies);
  add_resource<Kind::kPolicy>(
      out, "/v0/policies", "/v0/policies/{policy}",
      {"listPolicies", "createPolicy", "getPolicy", "putPolicy", "deletePolicy"},
      {"Policy", "PolicyWish", "PolicyList"}, Act::kRead, Act::kWritePolicies);
  add_resource<Kind::kLocation>(
      out, "/v0/locations", "/v0/locations/{location}",
      {"listLocations", "createLocation", "getLocation", "putLocation", "deleteLocation"},
      {"Location", "LocationWish", "LocationList"}, Act::kRead, Act::kHost);
  add_resource<Kind::kWorkspace>(
      out, "/v0/workspaces", "/v0/workspaces/{workspace}",
      {"listWorkspaces", "createWorkspace", "getWorkspace", "putWorkspace", "deleteWorkspace"},
      {"Workspace", "WorkspaceWish", "WorkspaceList"}, Act::kHost, Act::kHost);
  out.push_back({"POST",
                 "/v0/apply",
                 "apply",
                 "Creates, updates or removes many resources, all or none",
                 Act::kRead,
                 {kDryRun, kForce, kIgnoreAbsent},
                 "Apply",
                 "Results",
                 200,
                 apply});
  out.push_back({"GET",
                 "/v0/configuration",
                 "getConfiguration",
                 "Lists the places that policies can name",
                 Act::kRead,
                 {},
                 "",
                 "Configuration",
                 200,
                 configuration});
  out.push_back({"GET",
                 "/v0/plugins",
                 "listPlugins",
                 "Lists the installed plugins",
                 Act::kRead,
                 {},
                 "",
                 "PluginList",
                 200,
                 plugin_list});
  add_key_routes(out);
  add_metrics_routes(out);
  add_usage_routes(out);
  add_machine_routes(out);
  out.push_back({"GET",
                 "/v0/audit",
                 "listAudit",
                 "Lists who changed what, the newest first",
                 Act::kHost,
                 {kLimit, {"before", Type::kInteger, "only entries with a smaller number"}},
                 "",
                 "AuditList",
                 200,
                 audit});
  out.push_back({"GET",
                 "/v0/openapi.json",
                 "getOpenApi",
                 "This document",
                 Act::kRead,
                 {},
                 "",
                 "OpenApi",
                 200,
                 openapi});
  return out;
}

}  // namespace

std::span<const Route> routes() {
  static const std::vector<Route> kRoutes = make_routes();
  return kRoutes;
}

}  // namespace tenon::control
