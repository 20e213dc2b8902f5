#include "host/control/control.h"

#include <utility>

#include "host/control/models_json.h"

namespace tenon::control {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";

Answer ok(std::string_view content_type, std::string body) {
  Answer answer;
  answer.content_type = content_type;
  answer.body = std::move(body);
  return answer;
}

}  // namespace

Control::Control(const lifecycle::Dispatcher& dispatcher, std::function<std::string()> metrics,
                 std::function<std::optional<std::string>()> ready)
    : dispatcher_(dispatcher), metrics_(std::move(metrics)), ready_(std::move(ready)) {}

Answer Control::answer(std::string_view method, std::string_view path) const {
  const bool known =
      path == "/healthz" || path == "/readyz" || path == "/metrics" || path == "/v0/models";
  if (!known) {
    Answer answer;
    answer.error = api::kRouteNotFound;
    answer.message =
        "there is no such path here; known are /healthz, /readyz, /metrics, /v0/models "
        "and /{workspace}/models/{model}";
    return answer;
  }
  if (method != "GET" && method != "HEAD") {
    Answer answer;
    answer.error = api::kMethodNotAllowed;
    answer.allow = "GET, HEAD";
    answer.message = "this path only answers GET and HEAD";
    return answer;
  }
  if (path == "/healthz") return ok(kText, "ok\n");
  if (path == "/readyz") return readiness();
  if (path == "/metrics") return ok(kPrometheus, metrics_());
  return ok(kJson, models_json(dispatcher_.status()));
}

Answer Control::readiness() const {
  std::optional<std::string> problem = ready_();
  if (!problem) return ok(kText, "ready\n");
  Answer answer = ok(kText, *problem + "\n");
  answer.status = 503;
  return answer;
}

}  // namespace tenon::control
