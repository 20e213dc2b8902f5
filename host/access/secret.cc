#include "host/access/secret.h"

#include <openssl/evp.h>
#include <sys/random.h>

#include <boost/crc.hpp>
#include <memory>
#include <stdexcept>

namespace tenon::access {
namespace {

constexpr std::string_view kPrefix = "tn_";
constexpr std::string_view kLetters =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kRandomLetters = 43;  // 62^43 > 2^256
constexpr std::size_t kCheckLetters = 6;    // 62^6 > 2^32

std::string random_letters(const Random& random, std::size_t count, std::size_t alphabet) {
  const std::size_t fair =
      256 / alphabet * alphabet;  // bytes from here on would favour some letters
  std::string out;
  std::array<std::byte, 64> bytes;
  while (out.size() < count) {
    random(bytes);
    for (const std::byte byte : bytes) {
      const auto value = std::to_integer<std::size_t>(byte);
      if (value < fair && out.size() < count) out.push_back(kLetters[value % alphabet]);
    }
  }
  return out;
}

std::string check_letters(std::string_view text) {
  boost::crc_32_type crc;
  crc.process_bytes(text.data(), text.size());
  std::uint32_t rest = crc.checksum();
  std::string out;
  for (std::size_t i = 0; i < kCheckLetters; ++i, rest /= 62) out.push_back(kLetters[rest % 62]);
  return out;
}

}  // namespace

Random system_random() {
  return [](std::span<std::byte> out) {
    while (!out.empty()) {
      const ssize_t got = ::getrandom(out.data(), out.size(), 0);
      if (got < 0 && errno != EINTR) throw std::runtime_error("getrandom gives no bytes");
      if (got > 0) out = out.subspan(static_cast<std::size_t>(got));
    }
  };
}

Sha256 digest_of(std::string_view text) {
  // Looking the algorithm up costs more than running it over a key.
  static const EVP_MD* const algorithm = ::EVP_MD_fetch(nullptr, "SHA256", nullptr);
  using Context = std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)>;
  thread_local const Context context(::EVP_MD_CTX_new(), &::EVP_MD_CTX_free);
  Sha256 out;
  if (!algorithm || ::EVP_DigestInit_ex(context.get(), algorithm, nullptr) != 1 ||
      ::EVP_DigestUpdate(context.get(), text.data(), text.size()) != 1 ||
      ::EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr) !=
          1) {
    throw std::runtime_error("libcrypto computes no SHA-256");
  }
  return out;
}

std::string make_secret(const Random& random) {
  const std::string letters = random_letters(random, kRandomLetters, kLetters.size());
  return std::string(kPrefix) + letters + check_letters(letters);
}

std::string make_key_id(const Random& random) {
  std::string out = "k" + random_letters(random, 12, 36);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return out;
}

SecretForm form_of(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return SecretForm::kForeign;
  secret.remove_prefix(kPrefix.size());
  if (secret.size() != kRandomLetters + kCheckLetters) return SecretForm::kTypo;
  const bool fits =
      check_letters(secret.substr(0, kRandomLetters)) == secret.substr(kRandomLetters);
  return fits ? SecretForm::kKey : SecretForm::kTypo;
}

}  // namespace tenon::access
