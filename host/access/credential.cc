#include "host/access/credential.h"

#include <algorithm>
#include <array>

namespace tenon::access {
namespace {

struct Header {
  std::string_view name;
  bool is_bare;  // the key itself, without a scheme
};

// The first that is there decides.
constexpr std::array<Header, 5> kHeaders = {{
    {"x-tenon-authorization", false},
    {"x-beamlit-authorization", false},
    {"x-tenon-api-key", true},
    {"x-beamlit-api-key", true},
    {"authorization", false},
}};

// Cuts "word" and the blanks behind it off, whatever its case.
bool cut_scheme(std::string_view& value, std::string_view word) {
  if (value.size() <= word.size() || value[word.size()] != ' ') return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if ((value[i] | 0x20) != word[i]) return false;
  }
  value.remove_prefix(std::min(value.find_first_not_of(' ', word.size()), value.size()));
  return true;
}

Credential read(std::string_view value, bool is_bare) {
  using Kind = Credential::Kind;
  if (is_bare || cut_scheme(value, "bearer")) return {Kind::kSecret, value};
  if (cut_scheme(value, "basic")) return {Kind::kClient, value};
  return {Kind::kOther, value};
}

}  // namespace

bool CredentialReader::is_one(std::string_view name) {
  return std::ranges::find(kHeaders, name, &Header::name) != kHeaders.end();
}

void CredentialReader::add(std::string_view name, std::string_view value) {
  const auto header = std::ranges::find(kHeaders, name, &Header::name);
  const auto rank = static_cast<unsigned>(header - kHeaders.begin());
  if (header == kHeaders.end() || rank >= rank_) return;
  rank_ = rank;
  found_ = read(value, header->is_bare);
}

}  // namespace tenon::access
