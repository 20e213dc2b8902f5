#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace tenon::tensor {

// An expected failure of an engine: one sentence with what was found and what was expected.
struct Error {
  enum class Kind : std::uint8_t {
    kInvalid,      // a file, option or batch that is wrong; trying again is vain
    kNotFound,     // no such file
    kUnsupported,  // right, but not known here
    kExhausted,    // memory, descriptors or space
    kInternal,     // the system failed
  };
  Kind kind = Kind::kInternal;
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Error::Kind kind, std::string message) {
  return std::unexpected(Error{kind, std::move(message)});
}

}  // namespace tenon::tensor
