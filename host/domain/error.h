#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace tenon {

// What kind of failure; the gateway maps it to a status, the ABI side to a tenon_code.
enum class Code : std::uint8_t {
  kInvalid,        // the request, file, option or message is wrong
  kNotFound,       // no such thing
  kPrecondition,   // not in this state
  kExhausted,      // a limit is reached: memory, queue, descriptors
  kUnavailable,    // not now; trying later may help
  kDeadline,       // the time was up
  kCancelled,      // whoever asked has gone
  kUnimplemented,  // never here
  kInternal,       // a defect, ours or a plugin's
};

// An expected failure: one sentence that says what was found and what was expected.
struct Error {
  Code code = Code::kInternal;
  std::string message;
  bool retryable = false;  // the same thing may succeed elsewhere or later

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string message, bool retryable = false) {
  return std::unexpected(Error{code, std::move(message), retryable});
}

}  // namespace tenon
