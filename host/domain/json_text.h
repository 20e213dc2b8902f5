#pragma once

#include <cstddef>
#include <string_view>

namespace tenon {

// The length of the UTF-8 sequence that a text begins with; 0 when it is none. The text is not
// empty.
std::size_t utf8_sequence(std::string_view);

// Appends what stands for the text inside JSON's quotes, valid whatever the bytes are: control
// characters escaped (terminals obey C1 and DEL too), what is no UTF-8 replaced. Out: std::string
// or a buffer of fmt.
template <class Out>
void append_json_escaped(Out& out, std::string_view text) {
  const auto append = [&out](std::string_view part) {
    out.append(part.data(), part.data() + part.size());
  };
  const auto append_code = [&](unsigned code) {
    constexpr std::string_view kHex = "0123456789abcdef";
    append("\\u00");
    out.push_back(kHex[code >> 4]);
    out.push_back(kHex[code & 15]);
  };
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text);
    const auto c = static_cast<unsigned char>(text[0]);
    if (size == 0) {
      append("\\ufffd");
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(text[0]);
    } else if (c == '\n') {
      append("\\n");
    } else if (c < 0x20 || c == 0x7F) {
      append_code(c);
    } else if (c == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0) {
      append_code(static_cast<unsigned char>(text[1]));
    } else {
      append(text.substr(0, size));
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

}  // namespace tenon
