// The part of a connection that asks who sends a request, and whether they may.

#include <fmt/format.h>

#include "host/access/rules.h"
#include "host/gateway/connection.h"

namespace tenon::gateway {
namespace {

constexpr std::string_view kTokenPath = "/v0/oauth/token";

bool is_for_everyone(std::string_view path) {
  return path == "/healthz" || path == "/readyz";
}

}  // namespace

bool Connection::admit_to_host_path() {
  if (is_for_everyone(route_.path)) return true;
  if (!door_.control) {
    return refuse(
        {api::kRouteNotFound, "the control API answers at the addresses of [host] controlListen"});
  }
  if (!admit_web(access::Target::kControl)) return false;
  auto caller = identify();
  if (!caller) {
    // Whoever wants a token may show the key in the body.
    const bool may_come =
        route_.path == kTokenPath && caller.error().error == api::kUnauthenticated;
    if (!may_come) return refuse(caller.error());
    caller_ = std::make_unique<access::Caller>();
    return true;
  }
  if (route_.path == "/metrics" && !access::allowed(**caller, access::Act::kRead, "")) {
    return refuse({api::kForbidden,
                   fmt::format("{} may not read /metrics, which tells of all workspaces: it takes "
                               "a key of role member for all of them",
                               (*caller)->name)});
  }
  caller_ = std::make_unique<access::Caller>(**caller);
  return true;
}

bool Connection::admit_to_model() {
  if (!door_.models) {
    return refuse({api::kRouteNotFound, "models answer at the addresses of [host] listen"});
  }
  const auto caller = identify();
  if (!caller) return refuse(caller.error());
  if (access::allowed(**caller, access::Act::kInvoke, route_.workspace)) return true;
  return refuse(
      {api::kForbidden, fmt::format("{} is of workspace '{}' and may not call '{}'",
                                    (*caller)->name, (*caller)->workspace, route_.workspace)});
}

// While there are no keys: no web page.
bool Connection::admit_web(access::Target target) {
  if (!loop_.shared().access.open() || door_.peer) return true;
  const char* in = in_.get();
  access::WebFields web;
  web.method = parser_.method(in);
  web.has_body = !body_complete_;
  for (const RequestParser::Field& field : parser_.fields()) {
    if (field.meaning == RequestParser::Meaning::kHost) {
      web.host = field.value.in(in);
    } else if (field.meaning == RequestParser::Meaning::kOrigin) {
      web.origin = field.value.in(in);
    } else if (target == access::Target::kControl && field.name.in(in) == "content-type") {
      web.content_type = field.value.in(in);
    }
  }
  const auto denial = access::check_open(web, target, loop_.shared().cors_origins);
  return !denial || refuse(*denial);
}

std::expected<const access::Caller*, access::Denial> Connection::identify() const {
  if (door_.peer) return door_.peer;
  const char* in = in_.get();
  access::CredentialReader credential;
  for (const RequestParser::Field& field : parser_.fields()) {
    if (field.meaning != RequestParser::Meaning::kCredential) continue;
    credential.add(field.name.in(in), field.value.in(in));
  }
  return loop_.shared().access.identify(credential.found(),
                                        {std::chrono::system_clock::now(), arrival_});
}

bool Connection::refuse(const access::Denial& denial) {
  const std::string_view method = parser_.method(in_.get());
  const bool is_write = route_.kind == Route::Kind::kHost && method != "GET" && !is_head_;
  if (is_write && denial.error.status / 100 == 4 && denial.error != api::kRouteNotFound) {
    loop_.shared().access.note_refused_write("unknown", fmt::format("{} {}", method, route_.path),
                                             std::string(denial.error.code),
                                             std::chrono::system_clock::now());
  }
  ErrorAnswer answer = error_answer(denial.error, denial.message);
  answer.retry_after = denial.retry_after;
  answer_error(answer);
  return false;
}

}  // namespace tenon::gateway
