#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "host/domain/api_error.h"
#include "host/lifecycle/dispatcher.h"

namespace tenon::control {

// What the host says on one of its own paths.
struct Answer {
  unsigned status = 200;
  std::string_view content_type;  // static storage
  std::string body;
  std::string_view allow;         // with METHOD_NOT_ALLOWED
  std::optional<ApiError> error;  // set: the caller makes the body, of this and the message
  std::string message;
};

// /healthz, /readyz, /metrics and /v0/models: what operators ask. Reads snapshots only.
class Control {
 public:
  // metrics() gives Prometheus text; ready() nothing, or why the host cannot serve. Both are called
  // on any thread; the dispatcher outlives this.
  Control(const lifecycle::Dispatcher&, std::function<std::string()> metrics,
          std::function<std::optional<std::string>()> ready);

  // [any] The body is that of GET also for HEAD.
  Answer answer(std::string_view method, std::string_view path) const;

 private:
  Answer readiness() const;

  const lifecycle::Dispatcher& dispatcher_;
  std::function<std::string()> metrics_;
  std::function<std::optional<std::string>()> ready_;
};

}  // namespace tenon::control
