#include "host/control/control.h"

#include <utility>

namespace tenon::control {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

Answer ok(std::string_view content_type, std::string body) {
  Answer answer;
  answer.content_type = content_type;
  answer.body = std::move(body);
  return answer;
}

}  // namespace

Control::Control(EventLoops& loops, Parts parts)
    : parts_(std::move(parts)),
      scrape_(parts_.metrics),
      desk_(loops, [this](Request request, std::shared_ptr<Reply> reply) {
        if (request.path != "/metrics") return parts_.api(std::move(request), std::move(reply));
        scrape_.answer(std::move(reply));
      }) {}

std::optional<Answer> Control::answer(std::string_view method, std::string_view path) const {
  if (path == "/v0" || path.starts_with("/v0/")) return std::nullopt;
  Answer answer;
  if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
    answer.error = api::kRouteNotFound;
    answer.message =
        "there is no such path here; known are /healthz, /readyz, /metrics, /v0/… and "
        "/{workspace}/models/{model}";
  } else if (method != "GET" && method != "HEAD") {
    answer.error = api::kMethodNotAllowed;
    answer.allow = "GET, HEAD";
    answer.message = "this path only answers GET and HEAD";
  } else if (path == "/healthz") {
    return ok(kText, "ok\n");
  } else if (path == "/readyz") {
    return readiness();
  } else {
    return std::nullopt;
  }
  return answer;
}

Answer Control::readiness() const {
  std::optional<std::string> problem = parts_.ready();
  if (!problem) return ok(kText, "ready\n");
  Answer answer = ok(kText, *problem + "\n");
  answer.status = 503;
  return answer;
}

}  // namespace tenon::control
