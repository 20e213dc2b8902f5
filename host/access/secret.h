#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace tenon::access {

// Fills its argument with bytes that nobody can guess.
using Random = std::function<void(std::span<std::byte>)>;
Random system_random();

using Sha256 = std::array<std::byte, 32>;
Sha256 digest_of(std::string_view);

// An API key as its owner holds it: "tn_", 43 letters and digits (256 bits), and 6 more that check
// them, so that a mistyped key is told from one that is not known (any more).
std::string make_secret(const Random&);
// "k" and 12 letters and digits.
std::string make_key_id(const Random&);

enum class SecretForm : std::uint8_t {
  kKey,
  kTypo,     // looks like a key, but its letters do not fit together
  kForeign,  // no key of a Tenon host
};
SecretForm form_of(std::string_view secret);

}  // namespace tenon::access
