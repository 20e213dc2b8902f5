#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "host/domain/error.h"
#include "tenon/plugin.h"

// Between the host's errors and the ABI's.
namespace tenon::workers {

inline Code to_code(tenon_code code) {
  switch (code) {
    case TENON_CANCELLED:
      return Code::kCancelled;
    case TENON_INVALID:
      return Code::kInvalid;
    case TENON_DEADLINE:
      return Code::kDeadline;
    case TENON_NOT_FOUND:
      return Code::kNotFound;
    case TENON_EXHAUSTED:
      return Code::kExhausted;
    case TENON_PRECONDITION:
      return Code::kPrecondition;
    case TENON_UNIMPLEMENTED:
      return Code::kUnimplemented;
    case TENON_UNAVAILABLE:
    case TENON_WOULD_BLOCK:
      return Code::kUnavailable;
    default:
      return Code::kInternal;
  }
}

inline tenon_code to_abi(Code code) {
  switch (code) {
    case Code::kInvalid:
      return TENON_INVALID;
    case Code::kNotFound:
      return TENON_NOT_FOUND;
    case Code::kPrecondition:
      return TENON_PRECONDITION;
    case Code::kExhausted:
      return TENON_EXHAUSTED;
    case Code::kUnavailable:
      return TENON_UNAVAILABLE;
    case Code::kDeadline:
      return TENON_DEADLINE;
    case Code::kCancelled:
      return TENON_CANCELLED;
    case Code::kUnimplemented:
      return TENON_UNIMPLEMENTED;
    case Code::kInternal:
      break;
  }
  return TENON_INTERNAL;
}

inline std::string_view view(tenon_str s) {
  return s.size == 0 ? "" : std::string_view{s.data, s.size};
}
inline tenon_str to_str(std::string_view s) {
  return {s.data(), s.size()};
}

inline tenon_error empty_error() {
  tenon_error error{};
  error.struct_size = sizeof error;
  return error;
}

// What a plugin's call came to; its error's code wins over the code that it returned.
inline Error to_error(tenon_code code, const tenon_error& error) {
  const auto size = std::min<std::size_t>(error.message_size, sizeof error.message);
  std::string message(error.message, size);
  if (message.empty()) message = "no reason given (code " + std::to_string(code) + ")";
  return {to_code(error.code != TENON_OK ? error.code : code), std::move(message),
          (error.flags & TENON_ERROR_RETRYABLE) != 0};
}

// Text that a worker sent, fit for a log line: control characters become spaces.
inline std::string printable(std::string_view text, std::size_t limit = 4096) {
  std::string out(text.substr(0, limit));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

// What a plugin said, without the secrets that it was given.
inline std::string without_secrets(std::string_view text, std::span<const std::string> secrets) {
  std::string out(text);
  for (const std::string& secret : secrets) {
    constexpr std::string_view kShown = "***";
    if (secret.empty()) continue;
    for (auto at = out.find(secret); at != out.npos; at = out.find(secret, at + kShown.size())) {
      out.replace(at, secret.size(), kShown);
    }
  }
  return out;
}

}  // namespace tenon::workers
