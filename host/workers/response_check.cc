#include "host/workers/response_check.h"

#include <array>
#include <cctype>

namespace tenon::workers {
namespace {

bool is_token(char c) {
  const auto u = static_cast<unsigned char>(c);
  return (u >= 'a' && u <= 'z') || (u >= '0' && u <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

std::optional<std::string> header_fault(std::string_view name, std::string_view value) {
  if (name.empty()) return "a header without a name";
  for (const char c : name) {
    if (!is_token(c)) return "a header name that is not a lower-case token";
  }
  for (const char c : value) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 0x20 && c != '\t') || u == 0x7f) {
      return "control characters in the header " + std::string(name);
    }
  }
  constexpr std::array<std::string_view, 7> kHosts{
      "connection", "transfer-encoding", "date", "keep-alive", "upgrade", "trailer", "te"};
  for (const auto hosts : kHosts) {
    if (name == hosts) return "the header " + std::string(name) + ", which is the host's to send";
  }
  return std::nullopt;
}

}  // namespace tenon::workers
