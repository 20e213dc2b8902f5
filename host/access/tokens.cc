#include "host/access/tokens.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <charconv>

namespace tenon::access {

// "tt_" key-id "." seconds since 1970 "." signature of what stands before it, in hex
std::string Tokens::issue(std::string_view key_id, Time expires_at) const {
  std::string token =
      fmt::format("tt_{}.{}.", key_id,
                  std::chrono::floor<std::chrono::seconds>(expires_at).time_since_epoch().count());
  token += sign(token);
  return token;
}

std::optional<Tokens::Claims> Tokens::read(std::string_view token) const {
  const std::size_t end = token.rfind('.');
  if (!is_token(token) || end == token.npos) return std::nullopt;
  const std::string_view text = token.substr(0, end + 1), signature = token.substr(end + 1);
  const std::string wanted = sign(text);
  if (signature.size() != wanted.size() ||
      ::CRYPTO_memcmp(signature.data(), wanted.data(), wanted.size()) != 0) {
    return std::nullopt;
  }
  // What this host signed has the form that issue() gave it.
  const std::size_t dot = token.find('.');
  std::int64_t seconds = 0;
  std::from_chars(token.data() + dot + 1, token.data() + end, seconds);
  return Claims{token.substr(3, dot - 3), Time(std::chrono::seconds(seconds))};
}

std::string Tokens::sign(std::string_view text) const {
  std::array<unsigned char, 32> mac{};
  ::HMAC(::EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), nullptr);
  return fmt::format("{:02x}", fmt::join(mac, ""));
}

}  // namespace tenon::access
