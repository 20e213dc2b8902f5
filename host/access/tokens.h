#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "host/access/secret.h"

namespace tenon::access {

// Makes and reads short-lived tokens: the id of the key they stand for and when they end, signed
// with a secret of the host (HMAC-SHA-256). [any thread]
class Tokens {
 public:
  using Time = std::chrono::system_clock::time_point;
  static constexpr std::chrono::hours kLife{2};

  struct Claims {
    std::string_view key_id;  // points into the token
    Time expires_at;
  };

  explicit Tokens(const Sha256& secret) : secret_(secret) {}

  std::string issue(std::string_view key_id, Time expires_at) const;
  static bool is_token(std::string_view text) { return text.starts_with("tt_"); }
  // Nothing unless this host's secret signed it. Whether it has ended is for the caller to see.
  std::optional<Claims> read(std::string_view token) const;

 private:
  std::string sign(std::string_view text) const;

  const Sha256 secret_;
};

}  // namespace tenon::access
