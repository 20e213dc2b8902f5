#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "host/control/desk.h"
#include "host/control/scrape.h"
#include "host/domain/api_error.h"

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

// The host's own paths: /healthz and /readyz, which are answered at once, whatever else goes on;
// /metrics and the API under /v0, which take their time on threads of their own.
class Control {
 public:
  struct Parts {
    std::function<std::string()> metrics;               // Prometheus text
    std::function<std::optional<std::string>()> ready;  // nothing, or why the host cannot serve
    Desk::Handle api;                                   // /v0/…
  };
  // The functions are called on any thread.
  Control(EventLoops&, Parts);

  // [any] Nothing when serve() answers it. The body is that of GET also for HEAD.
  std::optional<Answer> answer(std::string_view method, std::string_view path) const;
  // [the exchange's loop]
  std::shared_ptr<lifecycle::Flight> serve(lifecycle::Exchange& exchange, access::Caller caller) {
    return desk_.serve(exchange, std::move(caller));
  }
  // On a thread that may block. [any]
  void run(std::function<void()> what) { desk_.run(std::move(what)); }
  // Before what the functions use goes away.
  void close() { desk_.close(); }

 private:
  Answer readiness() const;

  const Parts parts_;
  Scrape scrape_;
  Desk desk_;
};

}  // namespace tenon::control
