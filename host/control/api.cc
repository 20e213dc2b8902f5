#include "host/control/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include "host/config/json_nodes.h"
#include "host/control/event_books.h"
#include "host/control/resource_json.h"
#include "host/control/token_budgets.h"
#include "host/control/usage_books.h"
#include "host/domain/environment.h"

namespace tenon::control {
namespace {

namespace json = boost::json;
using access::Act;

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = std::min(path.find('/'), path.size());
    out.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return out;
}

// What stands for the names in braces; nothing when the path is another one.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  const auto wanted = segments(pattern), found = segments(path);
  if (wanted.size() != found.size()) return std::nullopt;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{')) {
      names.emplace_back(found[i]);
    } else if (wanted[i] != found[i]) {
      return std::nullopt;
    }
  }
  return names;
}

// "" when the request names none.
std::string_view named_workspace(const Request& request) {
  const std::string_view name = request.header("x-tenon-workspace");
  return name.empty() ? request.header("x-beamlit-workspace") : name;
}

// A secret that is sent as it was read, without its value, stays as it is.
void keep_secrets(Draft& draft, const Snapshot& snapshot) {
  auto* spec = std::get_if<DeploymentSpec>(&draft.spec);
  const Entry* kept = spec ? snapshot.find(draft.key) : nullptr;
  if (!kept) return;
  const auto& values = std::get<DeploymentSpec>(kept->draft.spec).environment;
  for (auto& [name, value] : spec->environment) {
    if (!value.empty() || std::ranges::find(spec->secrets, name) == spec->secrets.end()) continue;
    const auto found = std::ranges::find(values, name, &std::pair<std::string, std::string>::first);
    if (found != values.end()) value = found->second;
  }
}

// What belongs to no workspace is of all of them.
std::string_view scope(Act act, std::string_view workspace) {
  return act == Act::kHost ? std::string_view() : workspace;
}

Act act_of(Kind kind) {
  switch (kind) {
    case Kind::kDeployment:
      return Act::kWriteModels;
    case Kind::kEnvironment:
    case Kind::kPolicy:
      return Act::kWritePolicies;
    case Kind::kWorkspace:
    case Kind::kLocation:
      break;
  }
  return Act::kHost;
}

// The key of a spec that the last part of a resource's path stands for.
std::string_view name_key(Kind kind) {
  return kind == Kind::kDeployment ? "model" : "name";
}

}  // namespace

Api::Api(Parts parts)
    : parts_(std::move(parts)),
      watches_(std::make_shared<Watches>(
          parts_.loops, [this](const Entry& entry) { return show(entry, false); })) {}

json::object Api::show(const Entry& entry, bool whole) const {
  const ResourceKey& key = entry.key();
  const bool runs = key.kind == Kind::kDeployment;
  const auto status = runs ? parts_.dispatcher.status_of(deployment_key(key)) : std::nullopt;
  json::object out = resource_json(entry, status ? &*status : nullptr);
  if (std::string problem = parts_.problem_of(entry.authors->managed_by); !problem.empty()) {
    out["metadata"].as_object()["fileProblem"] = std::move(problem);
  }
  if (!whole) return out;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  auto budgets = budgets_json(budgets_of(key, parts_.usage.pools(), now));
  if (!budgets.empty()) out["tokenBudgets"] = std::move(budgets);
  if (!runs) return out;
  // A store that cannot be read hides no resource.
  if (const auto events = parts_.events.of(deployment_key(key))) {
    out["events"] = events_json(*events);
  }
  return out;
}

void Api::handle(const Request& request, std::shared_ptr<Reply> reply) {
  const std::string_view method =
      request.method == "HEAD" ? std::string_view("GET") : std::string_view(request.method);
  std::string allowed;
  for (const Route& route : routes()) {
    auto names = match(route.path, request.path);
    if (!names) continue;
    if (route.method != method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    Call call(request, std::move(reply), route, *std::move(names), parts_.access);
    call.names_workspace = !named_workspace(request).empty();
    call.workspace = call.names_workspace               ? named_workspace(request)
                     : request.caller.workspace.empty() ? parts_.workspace
                                                        : request.caller.workspace;
    if (!access::allowed(request.caller, route.act, scope(route.act, call.workspace))) {
      return call.refuse(api::kForbidden,
                         fmt::format("{} may not {} in workspace '{}'", request.caller.name,
                                     access::to_string(route.act), call.workspace));
    }
    if (!call.read_query() || !call.read_body()) return;
    const bool trusted = access::allowed(request.caller, Act::kHost, "");
    call.who = {request.caller.name, "api", trusted, call.flag("force")};
    return route.handle(*this, call);
  }
  if (allowed.empty()) {
    return reply->refuse(refusal(
        api::kRouteNotFound, fmt::format("there is no path {} in the API: /v0/openapi.json lists "
                                         "them all",
                                         request.path)));
  }
  auto refused = refusal(api::kMethodNotAllowed, fmt::format("{} answers {}, not {}", request.path,
                                                             allowed, request.method));
  refused.allow = std::move(allowed);
  reply->refuse(std::move(refused));
}

std::optional<Wish> Api::wish(Call& call, Kind kind, const std::string& name,
                              const std::string& environment) {
  Wish wish;
  json::object spec = call.body();
  if (const json::value* inner = spec.if_contains("spec")) {
    if (const json::value* metadata = spec.if_contains("metadata")) {
      const json::object* fields = metadata->if_object();
      const json::value* version = fields ? fields->if_contains("version") : nullptr;
      const auto number = version ? whole_number(*version) : std::nullopt;
      if (number && *number >= 0) {
        wish.version = static_cast<std::uint64_t>(*number);
      } else if (version || !fields) {
        call.refuse(api::kBadRequest, "metadata.version: expected an integer of at least 0");
        return std::nullopt;
      }
    }
    if (!inner->is_object()) {
      call.refuse(api::kBadRequest, "spec: expected an object");
      return std::nullopt;
    }
    spec = json::object(inner->get_object());
  }
  // The path says which resource it is; the body may say so too, but nothing else.
  const auto held = [&](std::string_view key, const std::string& value) {
    const json::value* said = spec.if_contains(key);
    if (!said && !value.empty()) spec[key] = value;
    if (!said || value.empty() || (said->is_string() && said->get_string() == value)) return true;
    call.refuse(api::kUnprocessable,
                fmt::format("{}: the path names '{}', expected the same here", key, value));
    return false;
  };
  if (!held(name_key(kind), name)) return std::nullopt;
  if (kind == Kind::kDeployment && !held("environment", environment)) return std::nullopt;

  auto draft = read(call, kind, spec, "");
  if (!draft) return std::nullopt;
  // Whether the caller may was asked for that workspace only.
  if (const std::string& said = draft->key.workspace; !said.empty() && said != call.workspace) {
    call.refuse(api::kUnprocessable,
                fmt::format("workspace: the request is for '{}', expected the "
                            "same here; header x-tenon-workspace names another",
                            call.workspace));
    return std::nullopt;
  }
  wish.draft = *std::move(draft);
  return wish;
}

// The errors name paths below `prefix`.
std::optional<Draft> Api::read(Call& call, Kind kind, const json::object& spec,
                               std::string_view prefix) {
  config::Problems problems;
  const std::shared_ptr<const Known> known = parts_.known();
  const config::ResourceContext context{call.workspace, &known->plugins, &known->grants,
                                        &parts_.surroundings};
  Draft draft;
  {
    config::Document document(config::nodes_of(spec), problems);
    config::Table root = document.root();
    draft = config::read_resource(kind, root, context);
  }
  if (problems.empty()) {
    keep_secrets(draft, *parts_.catalog.snapshot());
    return draft;
  }
  std::vector<std::string> paths = config::paths_of(spec);
  for (std::string& path : paths) path.insert(0, prefix);
  problems.name_lines(std::move(paths));
  call.refuse(api::kUnprocessable, problems.text());
  return std::nullopt;
}

bool Api::wishes(Call& call, const json::array& resources, std::vector<Wish>& out) {
  for (std::size_t i = 0; i < resources.size(); ++i) {
    const std::string at = fmt::format("resources[{}]", i);
    const json::object* resource = resources[i].if_object();
    const json::value* word = resource ? resource->if_contains("kind") : nullptr;
    const json::value* spec = resource ? resource->if_contains("spec") : nullptr;
    const auto kind =
        word && word->is_string() ? config::kind_of(word->get_string()) : std::nullopt;
    if (!kind || !spec || !spec->is_object()) {
      call.refuse(api::kBadRequest,
                  at + ": expected {\"kind\": \"deployment\", \"spec\": {…}}; kinds are workspace, "
                       "location, environment, policy and deployment");
      return false;
    }
    auto draft = read(call, *kind, spec->get_object(), at + ".spec.");
    if (!draft) return false;
    if (!may(call, at, draft->key)) return false;
    out.push_back({.draft = *std::move(draft)});
  }
  return true;
}

bool Api::removals(Call& call, const json::array& resources, std::vector<Wish>& out) {
  for (std::size_t i = 0; i < resources.size(); ++i) {
    const std::string at = fmt::format("remove[{}]", i);
    const json::object* resource = resources[i].if_object();
    std::map<std::string, std::string> words;
    bool fits = resource != nullptr;
    for (const auto& [key, value] : resource ? *resource : json::object()) {
      constexpr std::array kKnown = {"kind", "name", "workspace", "environment"};
      fits = fits && value.is_string() && std::ranges::find(kKnown, key) != kKnown.end();
      if (fits) words.emplace(key, value.get_string());
    }
    const auto kind = fits ? config::kind_of(words["kind"]) : std::nullopt;
    if (!kind || words["name"].empty()) {
      call.refuse(api::kBadRequest,
                  at + ": expected {\"kind\": \"deployment\", \"name\": \"…\"} with, if needed, "
                       "\"workspace\" and \"environment\"");
      return false;
    }
    ResourceKey key{*kind, "", words["name"], ""};
    if (*kind != Kind::kWorkspace && *kind != Kind::kLocation) {
      key.workspace = words["workspace"].empty() ? call.workspace : words["workspace"];
    }
    if (*kind == Kind::kDeployment) {
      key.environment = words["environment"].empty() ? kProduction : words["environment"];
    }
    if (!may(call, at, key)) return false;
    out.push_back({.draft = {std::move(key), {}, {}}, .remove = true});
  }
  return true;
}

bool Api::may(Call& call, std::string_view at, const ResourceKey& key) {
  const Act act = act_of(key.kind);
  const access::Caller& caller = call.request().caller;
  if (access::allowed(caller, act, scope(act, key.workspace))) return true;
  call.refuse(api::kForbidden,
              fmt::format("{}: {} may not {}", at, caller.name, access::to_string(act)));
  return false;
}

void Api::change(Call& call, std::vector<Wish> wishes, unsigned status_if_created) {
  const auto done = parts_.catalog.change(wishes, call.who, call.flag("dryRun"));
  if (!done) return call.refuse(done.error());
  const Planned& first = done->front();
  const auto snapshot = parts_.catalog.snapshot();
  const Entry* entry = snapshot->find(first.key);
  boost::json::object body;
  if (entry && !call.flag("dryRun")) {
    body = resource_json(*entry, nullptr);
  } else {
    body = planned_json(first);
  }
  const bool created = first.done == store::Done::kCreated && !call.flag("dryRun");
  call.answer(std::move(body), created ? status_if_created : 200);
}

}  // namespace tenon::control
