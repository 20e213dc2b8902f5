#pragma once

#include <cstdint>
#include <string_view>

namespace tenon::access {

// What a request shows of its sender.
struct Credential {
  enum class Kind : std::uint8_t {
    kNone,
    kSecret,  // a key or a token
    kClient,  // a key's id, and itself (Basic)
    kOther,   // a scheme that is not known here
  };
  Kind kind = Kind::kNone;
  std::string_view text;  // of kClient: base64 of "id:secret"
};

// Chooses among a request's header fields.
class CredentialReader {
 public:
  // Names in lower case. False: this is not a field that shows a sender.
  static bool is_one(std::string_view name);
  void add(std::string_view name, std::string_view value);

  // The headers of Tenon's own go before Authorization, which clients send for many reasons.
  const Credential& found() const { return found_; }

 private:
  Credential found_;
  unsigned rank_ = ~0U;
};

}  // namespace tenon::access
