#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/tei/json_reader.h"

namespace tenon::tei {

// A whole answer, before the headers that every answer carries.
struct Answer {
  unsigned status = 200;
  std::string_view content_type;  // empty: no body, no such header
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> headers;
};

// What went wrong with a request that was well formed. The order is that of kKinds.
struct ApiError {
  enum class Kind : std::uint8_t {
    kUnhealthy,
    kBackend,
    kOverloaded,
    kValidation,
    kTokenizer,
    kEmpty,
  };
  Kind kind = Kind::kBackend;
  std::string message;  // as the client reads it

  // The forms that TEI's inner layers use: "Input validation error: …".
  static ApiError validation(std::string_view what);
  static ApiError empty(std::string_view what);
  static ApiError backend(std::string_view what);
  static ApiError tokenizer(std::string_view what);
  static ApiError overloaded();
};

// How errors look: TEI's own routes, and those for OpenAI's clients.
enum class Dialect : std::uint8_t { kTei, kOpenAi };

Answer answer_json(std::string body);
Answer answer_error(const ApiError& error, Dialect dialect);

// ---- what the HTTP framework under TEI answers by itself ----

Answer answer_unreadable(const JsonReader::Error& error);  // 400 or 422
Answer answer_too_large();                                 // 413
Answer answer_not_json();                                  // 415
Answer answer_preflight();                                 // OPTIONS, on any path
Answer answer_not_found();
Answer answer_method_not_allowed(std::string_view allow);

// Whether a content-type header announces JSON: application/json or application/…+json.
bool announces_json(std::string_view content_type);

// The headers of answer, with those that every answer carries (cross-origin access). Borrowed from
// answer.
std::vector<std::pair<std::string_view, std::string_view>> all_headers(const Answer& answer);

}  // namespace tenon::tei
