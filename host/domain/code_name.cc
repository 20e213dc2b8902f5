#include "host/domain/code_name.h"

#include <algorithm>

namespace tenon {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

bool is_valid_code(std::string_view code) {
  constexpr std::size_t kLongest = 63;
  return !code.empty() && code.size() <= kLongest && is_alphanumeric(code.front()) &&
         is_alphanumeric(code.back()) && std::ranges::all_of(code, [](char c) {
           return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
         });
}

}  // namespace tenon
