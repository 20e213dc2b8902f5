#include "host/gateway/error_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "host/domain/json_text.h"
#include "host/domain/moment.h"

namespace tenon::gateway {
ErrorAnswer error_answer(const ApiError& error, std::string_view message) {
  ErrorAnswer answer;
  answer.code = error.code;
  answer.message = message;
  answer.status = error.status;
  answer.retryable = error.retryable;
  return answer;
}

ErrorAnswer error_answer(const lifecycle::Refusal& refusal) {
  ErrorAnswer answer;
  answer.code = refusal.reason;
  answer.message = refusal.error.message;
  answer.status = refusal.status;
  answer.retryable = refusal.error.retryable;
  answer.retry_after = refusal.retry_after;
  answer.load_done = refusal.load_done;
  answer.load_stage = refusal.load_stage;
  answer.allow = refusal.allow;
  return answer;
}

std::string error_body(const ErrorAnswer& answer, std::string_view request_id,
                       std::chrono::system_clock::time_point now) {
  std::string body = R"({"error":{"code":")";
  append_json_escaped(body, answer.code);
  body.append(R"(","message":")");
  append_json_escaped(body, answer.message);
  fmt::format_to(std::back_inserter(body), R"(","status":{},"retryable":{})", answer.status,
                 answer.retryable);
  if (answer.origin == Origin::kPlatform) body.append(R"(,"origin":"platform")");
  body.append(",\"timestamp\":\"").append(utc_text(now)).append("\",\"requestId\":\"");
  append_json_escaped(body, request_id);
  body.push_back('"');
  if (answer.load_done >= 0) {
    fmt::format_to(std::back_inserter(body), R"(,"loading":{{"done":{:.3f},"stage":")",
                   std::min(answer.load_done, 1.0));
    append_json_escaped(body, answer.load_stage);
    body.append("\"}");
  }
  body.append("}}");
  return body;
}

}  // namespace tenon::gateway
