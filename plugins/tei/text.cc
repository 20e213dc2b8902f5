#include "plugins/tei/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "plugins/tei/shortest_float.h"

namespace tenon::tei {

namespace {

struct Decoded {
  std::uint32_t code_point = 0;
  std::size_t bytes = 0;  // of the character, or of what is invalid
  bool valid = false;
};

// The character that starts text, which is not empty.
Decoded decode(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return {0, 1, false};
  // The second byte's range also shuts out overlong forms, surrogates and what exceeds U+10FFFF.
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  std::uint32_t code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= text.size() || byte(i) < (i == 1 ? low : 0x80u) || byte(i) > (i == 1 ? high : 0xBFu)) {
      return {0, i, false};
    }
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  return {code, length, true};
}

// What Rust's Debug shows as \u{…}: marks that would join the quote, and what has no glyph.
bool shown_escaped(std::uint32_t c) {
  struct Range {
    std::uint32_t first, last;
  };
  static constexpr std::array kEscaped = {
      Range{0x00, 0x1F},     Range{0x7F, 0xA0},        Range{0xAD, 0xAD},     Range{0x300, 0x36F},
      Range{0x483, 0x489},   Range{0x591, 0x5BD},      Range{0x600, 0x605},   Range{0x64B, 0x65F},
      Range{0x6DD, 0x6DD},   Range{0x70F, 0x70F},      Range{0x1680, 0x1680}, Range{0x180B, 0x180F},
      Range{0x1AB0, 0x1ACE}, Range{0x1DC0, 0x1DFF},    Range{0x2000, 0x200F}, Range{0x2028, 0x202F},
      Range{0x205F, 0x206F}, Range{0x20D0, 0x20F0},    Range{0x3000, 0x3000}, Range{0xD800, 0xF8FF},
      Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F},    Range{0xFEFF, 0xFEFF}, Range{0xFFF0, 0xFFFB},
      Range{0xFFFE, 0xFFFF}, Range{0xE0000, 0x10FFFF},
  };
  return std::ranges::any_of(kEscaped, [c](Range r) { return c >= r.first && c <= r.last; });
}

// Where ryu's "pretty" form changes to scientific notation.
struct PlainRange {
  int most_digits;  // before the decimal point
  int most_zeroes;  // right behind it
};
constexpr PlainRange kFloatPlain{13, 5};
constexpr PlainRange kDoublePlain{16, 4};

// digits × 10^exponent.
void append_decimal(std::string& out, std::string_view digits, int exponent, PlainRange plain) {
  const int length = static_cast<int>(digits.size());
  const int point = length + exponent;  // digits before the decimal point
  if (exponent >= 0 && point <= plain.most_digits) {
    out.append(digits);
    out.append(static_cast<std::size_t>(exponent), '0');
    out.append(".0");
  } else if (point > 0 && point <= plain.most_digits) {
    out.append(digits.substr(0, static_cast<std::size_t>(point)));
    out += '.';
    out.append(digits.substr(static_cast<std::size_t>(point)));
  } else if (point <= 0 && -point <= plain.most_zeroes) {
    out.append("0.");
    out.append(static_cast<std::size_t>(-point), '0');
    out.append(digits);
  } else {
    out += digits[0];
    if (length > 1) {
      out += '.';
      out.append(digits.substr(1));
    }
    out += 'e';
    fmt::format_to(std::back_inserter(out), "{}", point - 1);
  }
}

template <class T>
void append_real(std::string& out, T value, PlainRange plain) {
  if (!std::isfinite(value)) {
    out.append("null");
    return;
  }
  if (std::signbit(value)) out += '-';
  if (value == 0) {
    out.append("0.0");
    return;
  }
  // d[.ddd]e±xx
  std::array<char, 40> buffer;
  const char* const end = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                        std::abs(value), std::chars_format::scientific)
                              .ptr;
  const char* e = end - 1;
  while (*e != 'e') --e;
  int exponent = 0;
  std::from_chars(e[1] == '+' ? e + 2 : e + 1, end, exponent);
  char* digits = buffer.data();
  std::size_t length = 1;
  if (e - digits > 1) {
    digits[1] = digits[0];
    ++digits;
    length = static_cast<std::size_t>(e - digits);
  }
  append_decimal(out, {digits, length}, exponent - static_cast<int>(length) + 1, plain);
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    out += '\\';
    static constexpr std::string_view kNamed = "\"\\\b\f\n\r\t";
    const std::size_t named = kNamed.find(static_cast<char>(c));
    if (named != std::string_view::npos) {
      out += "\"\\bfnrt"[named];
    } else {
      out.append("u00");
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  out.append(text.substr(plain));
  out += '"';
}

void append_unsigned(std::string& out, std::uint64_t value) {
  std::array<char, 20> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

void append_float(std::string& out, float value) {
  if (!std::isfinite(value) || value == 0) return append_real(out, value, kFloatPlain);
  Decimal decimal = shortest_decimal(std::abs(value));
  while (decimal.digits % 10 == 0) {
    decimal.digits /= 10;
    ++decimal.exponent;
  }
  // Sign, "0.", zeroes and digits in one piece: nearly every float of an embedding.
  std::array<char, 24> piece{'-', '0', '.', '0', '0', '0', '0', '0'};
  char* const first = piece.data() + (value < 0 ? 0 : 1);
  std::array<char, 10> digits{};
  char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), decimal.digits).ptr;
  const auto length = static_cast<std::size_t>(end - digits.data());
  const int zeroes = -decimal.exponent - static_cast<int>(length);
  if (zeroes >= 0 && zeroes <= kFloatPlain.most_zeroes) {
    char* const tail = piece.data() + 3 + zeroes;
    std::memcpy(tail, digits.data(), digits.size());
    out.append(first, tail + length);
    return;
  }
  if (value < 0) out += '-';
  append_decimal(out, {digits.data(), length}, decimal.exponent, kFloatPlain);
}

void append_double(std::string& out, double value) {
  append_real(out, value, kDoublePlain);
}

void append_floats(std::string& out, std::span<const float> values) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out += ',';
    append_float(out, values[i]);
  }
  out += ']';
}

void append_base64(std::string& out, std::span<const float> values) {
  static_assert(std::endian::native == std::endian::little);
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  const std::size_t size = values.size_bytes();
  out.reserve(out.size() + (size + 2) / 3 * 4);
  for (std::size_t i = 0; i < size; i += 3) {
    const std::size_t n = std::min<std::size_t>(3, size - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < n ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= n ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
    }
  }
}

std::string debug_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const Decoded c = decode(text);
    switch (c.code_point) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\0':
        out += "\\0";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (shown_escaped(c.code_point)) {
          out += fmt::format("\\u{{{:x}}}", c.code_point);
        } else {
          out.append(text.substr(0, c.bytes));
        }
    }
    text.remove_prefix(c.bytes);
  }
  return out + '"';
}

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t word = 0;
    if (text.size() - at >= sizeof word) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if ((word & 0x8080808080808080u) == 0) {
        at += sizeof word;
        continue;
      }
    }
    const Decoded c = decode(text.substr(at));
    if (!c.valid) return at;
    at += c.bytes;
  }
  return at;
}

std::size_t count_chars(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_char_boundary(std::string_view text, std::size_t at) {
  if (at >= text.size()) return at == text.size();
  return (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    out.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty()) break;
    append_utf8(out, 0xFFFD);
    text.remove_prefix(decode(text).bytes);
  }
  return out;
}

double exact_power_of_ten(unsigned n) {
  std::array<char, 8> text{'1', 'e'};
  const auto end = std::to_chars(text.data() + 2, text.data() + text.size(), n).ptr;
  double value = 0;
  std::from_chars(text.data(), end, value);
  return value;
}

}  // namespace tenon::tei
