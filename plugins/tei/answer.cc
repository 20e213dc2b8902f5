#include "plugins/tei/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "plugins/tei/text.h"

namespace tenon::tei {

namespace {

constexpr std::string_view kPlain = "text/plain; charset=utf-8";

struct KindText {
  std::string_view name;
  unsigned status;
};
constexpr std::array kKinds = {
    KindText{"Unhealthy", 503},  KindText{"Backend", 424},   KindText{"Overloaded", 429},
    KindText{"Validation", 422}, KindText{"Tokenizer", 422}, KindText{"Empty", 400},
};

Answer plain(unsigned status, std::string body) {
  return {status, kPlain, std::move(body), {}};
}

}  // namespace

ApiError ApiError::validation(std::string_view what) {
  return {Kind::kValidation, fmt::format("Input validation error: {}", what)};
}

ApiError ApiError::empty(std::string_view what) {
  return {Kind::kEmpty, fmt::format("Input validation error: {}", what)};
}

ApiError ApiError::backend(std::string_view what) {
  return {Kind::kBackend, fmt::format("Backend error: {}", what)};
}

ApiError ApiError::tokenizer(std::string_view what) {
  return {Kind::kTokenizer, fmt::format("tokenizer error {}", what)};
}

ApiError ApiError::overloaded() {
  return {Kind::kOverloaded, "Model is overloaded"};
}

Answer answer_json(std::string body) {
  return {200, "application/json", std::move(body), {}};
}

Answer answer_error(const ApiError& error, Dialect dialect) {
  const KindText kind = kKinds[static_cast<std::size_t>(error.kind)];
  std::string body = dialect == Dialect::kTei ? "{\"error\":" : "{\"message\":";
  append_string(body, error.message);
  if (dialect == Dialect::kTei) {
    body += fmt::format(",\"error_type\":\"{}\"}}", kind.name);
  } else {
    body += fmt::format(",\"code\":{},\"type\":\"{}\"}}", kind.status, kind.name);
  }
  Answer answer = answer_json(std::move(body));
  answer.status = kind.status;
  return answer;
}

Answer answer_unreadable(const JsonReader::Error& error) {
  if (error.wrong_shape) {
    return plain(422, "Failed to deserialize the JSON body into the target type: " + error.message);
  }
  return plain(400, "Failed to parse the request body as JSON: " + error.message);
}

Answer answer_too_large() {
  return plain(413, "Failed to buffer the request body: length limit exceeded");
}

Answer answer_not_json() {
  return plain(415, "Expected request with `Content-Type: application/json`");
}

Answer answer_preflight() {
  return {200,
          {},
          {},
          {{"access-control-allow-methods", "GET,POST"},
           {"access-control-allow-headers", "content-type"}}};
}

Answer answer_not_found() {
  return {404, {}, {}, {}};
}

Answer answer_method_not_allowed(std::string_view allow) {
  return {405, {}, {}, {{"allow", std::string(allow)}}};
}

bool announces_json(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::string_view kApplication = "application/";
  if (!type.starts_with(kApplication)) return false;
  const std::string_view subtype = std::string_view(type).substr(kApplication.size());
  return subtype == "json" || (subtype.size() > 5 && subtype.ends_with("+json"));
}

std::vector<std::pair<std::string_view, std::string_view>> all_headers(const Answer& answer) {
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  headers.reserve(answer.headers.size() + 3);
  if (!answer.content_type.empty()) headers.emplace_back("content-type", answer.content_type);
  headers.insert(headers.end(), answer.headers.begin(), answer.headers.end());
  headers.emplace_back("vary",
                       "origin, access-control-request-method, access-control-request-headers");
  headers.emplace_back("access-control-allow-origin", "*");
  return headers;
}

}  // namespace tenon::tei
