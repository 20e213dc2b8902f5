#include "host/access/tokens.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <charconv>
#include <memory>
#include <stdexcept>

namespace tenon::access {
namespace {

EVP_MAC_CTX* new_context(EVP_MAC* algorithm) {
  EVP_MAC_CTX* const out = algorithm ? ::EVP_MAC_CTX_new(algorithm) : nullptr;
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               ::OSSL_PARAM_construct_end()};
  if (out) ::EVP_MAC_CTX_set_params(out, params);
  return out;
}

}  // namespace

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
  // Looking the algorithms up costs more than running them over a token.
  static EVP_MAC* const algorithm = ::EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  using Context = std::unique_ptr<EVP_MAC_CTX, decltype(&::EVP_MAC_CTX_free)>;
  thread_local const Context context(new_context(algorithm), &::EVP_MAC_CTX_free);
  Sha256 mac;
  std::size_t size = 0;
  const auto bytes = [](auto* at) { return reinterpret_cast<const unsigned char*>(at); };
  if (!context ||
      ::EVP_MAC_init(context.get(), bytes(secret_.data()), secret_.size(), nullptr) != 1 ||
      ::EVP_MAC_update(context.get(), bytes(text.data()), text.size()) != 1 ||
      ::EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(mac.data()), &size,
                      mac.size()) != 1) {
    throw std::runtime_error("libcrypto computes no HMAC");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : mac) {
    out.push_back(kDigits[std::to_integer<std::size_t>(byte) >> 4]);
    out.push_back(kDigits[std::to_integer<std::size_t>(byte) & 15]);
  }
  return out;
}

}  // namespace tenon::access
