#include "host/control/keys_routes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "host/access/keys.h"
#include "host/control/keys_json.h"

namespace tenon::control {
namespace {

namespace json = boost::json;
using access::Act;

bool manages(const access::Caller& caller, std::string_view workspace) {
  return access::allowed(caller, Act::kKeys, workspace);
}

void list_keys(Api& api, Call& call) {
  auto all = api.parts().keys.list();
  if (!all) return call.refuse(all.error());
  std::erase_if(*all, [&](const store::ApiKey& key) {
    return !manages(call.request().caller, key.workspace) ||
           (call.names_workspace && key.workspace != call.workspace);
  });
  call.answer(keys_json(*all));
}

bool is_workspace(const Api& api, const std::string& name) {
  return api.parts().catalog.snapshot()->find({Kind::kWorkspace, "", name, ""}) != nullptr;
}

void create_key(Api& api, Call& call) {
  const auto wish = read_key_wish(call.body(), std::chrono::system_clock::now());
  if (!wish) return call.refuse(api::kUnprocessable, wish.error().message);
  const access::Caller& caller = call.request().caller;
  if (!manages(caller, wish->workspace)) {
    const std::string whose = wish->workspace.empty()
                                  ? "all workspaces: name \"workspace\" for a key of one"
                                  : fmt::format("workspace '{}'", wish->workspace);
    return call.refuse(api::kForbidden,
                       fmt::format("{} may not make keys of {}", caller.name, whose));
  }
  if (!wish->workspace.empty() && !is_workspace(api, wish->workspace)) {
    return call.refuse(
        api::kWorkspaceNotFound,
        fmt::format("workspace: there is no workspace '{}'; make it first", wish->workspace));
  }
  const auto made = api.parts().keys.create(*wish, call.who.name);
  if (!made && made.error().code == Code::kInvalid) {
    return call.refuse(api::kUnprocessable, made.error().message);
  }
  if (!made) return call.refuse(made.error());
  call.answer(key_json(*made), 201);
}

// One that the caller may not see is not there; nothing when it was refused.
std::optional<store::ApiKey> key_of(Api& api, Call& call) {
  const auto all = api.parts().keys.list();
  if (!all) {
    call.refuse(all.error());
    return std::nullopt;
  }
  const auto key = std::ranges::find(*all, call.path(0), &store::ApiKey::id);
  if (key != all->end() && manages(call.request().caller, key->workspace)) return *key;
  call.refuse(api::kResourceNotFound, store::no_key(call.path(0)).message);
  return std::nullopt;
}

void get_key(Api& api, Call& call) {
  if (const auto key = key_of(api, call)) call.answer(key_json(*key));
}

void delete_key(Api& api, Call& call) {
  if (!key_of(api, call)) return;
  const auto removed = api.parts().keys.remove(call.path(0), call.who.name);
  if (!removed) return call.refuse(removed.error());
  call.answer(key_json(*removed));
}

std::string field(const json::object& body, std::string_view name) {
  const json::value* found = body.if_contains(name);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

// Fields that are not known are passed over, as OAuth 2 wants it.
void give_token(Api& api, Call& call) {
  for (const std::string_view name : {"client_id", "client_secret"}) {
    const json::value* found = call.body().if_contains(name);
    if (found && !found->is_string()) {
      return call.refuse(api::kBadRequest, fmt::format("{}: expected a string", name));
    }
  }
  if (field(call.body(), "grant_type") != "client_credentials") {
    return call.refuse(api::kBadRequest,
                       "expected grant_type=client_credentials, as a form or as JSON, with a key's "
                       "id and the key itself as client_id and client_secret or as Basic "
                       "credentials");
  }
  const access::Access& access = api.parts().access;
  const access::Caller& caller = call.request().caller;
  const access::Now now{std::chrono::system_clock::now()};
  const std::string id = field(call.body(), "client_id");
  // Shown in a header, which the gateway checked. A token gets no further token.
  const bool is_known = !caller.id.empty() && caller.via == access::Caller::Via::kKey;
  if (!is_known && id.empty()) {
    return call.refuse(api::kUnauthenticated,
                       "client_id and client_secret are missing: a key's id, and the key itself");
  }
  const auto token = is_known ? access.issue_token(caller.id, now)
                              : access.issue_token(id, field(call.body(), "client_secret"), now);
  if (!token) return call.refuse(token.error().error, token.error().message);
  call.answer(json::object{{"access_token", token->text},
                           {"token_type", "Bearer"},
                           {"expires_in", token->life.count()}});
}

}  // namespace

bool is_without_keys(Api& api, Call& call, std::string_view workspace) {
  const auto all = api.parts().keys.list();
  if (!all) {
    call.refuse(all.error());
    return false;
  }
  std::vector<std::string> held;
  for (const store::ApiKey& key : *all) {
    if (key.workspace == workspace) held.push_back(label(key));
  }
  if (held.empty()) return true;
  call.refuse(api::kInUse, fmt::format("workspace '{}' has keys, delete them first: {}", workspace,
                                       fmt::join(held, ", ")));
  return false;
}

void add_key_routes(std::vector<Route>& out) {
  const auto add = [&](std::string_view method, std::string_view path, std::string_view id,
                       std::string_view help, Act act, std::string_view body,
                       std::string_view answer, unsigned status, auto handle) {
    out.push_back({method, path, id, help, act, {}, body, answer, status, handle});
  };
  constexpr std::string_view kAll = "/v0/keys", kOne = "/v0/keys/{key}";
  add("GET", kAll, "listKeys",
      "Lists the keys that the caller manages, of one workspace if it names one; oldest first",
      Act::kKeys, "", "KeyList", 200, list_keys);
  add("POST", kAll, "createKey", "Makes a key, shown in this answer only", Act::kKeys, "KeyWish",
      "NewKey", 201, create_key);
  add("GET", kOne, "getKey", "Shows one, without the key itself", Act::kKeys, "", "Key", 200,
      get_key);
  add("DELETE", kOne, "deleteKey", "Deletes one: it is refused from the next request on",
      Act::kKeys, "", "Key", 200, delete_key);
  add("POST", "/v0/oauth/token", "createToken", "Gives a token of two hours for a key",
      Act::kInvoke, "TokenWish", "Token", 200, give_token);
  out.back().takes_form = true;
}

}  // namespace tenon::control
