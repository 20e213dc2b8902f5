#include "host/gateway/error_body.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace tenon::gateway {
namespace {

// Length of the UTF-8 sequence at the beginning of the text; 0 when it is none.
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
    if (lead == 0xED && byte(1) >= 0xA0) return 0;  // a surrogate
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) >= 0x90) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

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
  return answer;
}

void append_json_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    const char c = text[0];
    if (length == 0) {
      out.append("\\ufffd");
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
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
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  fmt::format_to(std::back_inserter(body), R"(,"timestamp":"{:%FT%T}.{:03}Z","requestId":")",
                 seconds, std::chrono::floor<std::chrono::milliseconds>(now - seconds).count());
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
