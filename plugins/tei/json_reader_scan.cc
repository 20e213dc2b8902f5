#include "plugins/tei/json_reader.h"

#include <algorithm>
#include <cmath>

#include "plugins/tei/json_words.h"
#include "plugins/tei/text.h"

namespace tenon::tei {

// How JsonReader takes characters, strings and numbers, and passes over what nobody asked for.

using namespace json_words;

namespace {

bool ends_plain_text(char c) {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

// Whether 10 × value + digit exceeds limit.
template <class T>
bool overflows(T value, T digit, T limit) {
  return value >= limit / 10 && (value > limit / 10 || digit > limit % 10);
}

}  // namespace

// ---- characters, strings, numbers ----

int JsonReader::skip_space() {
  for (;;) {
    const int c = peek();
    if (c != ' ' && c != '\n' && c != '\t' && c != '\r') return c;
    ++at_;
  }
}

bool JsonReader::deeper() {
  if (--depth_left_ == 0) return fail_peeked("recursion limit exceeded");
  return true;
}

bool JsonReader::parse_rest(std::string_view rest) {
  for (const char expected : rest) {
    const int c = next();
    if (c == kEnd) return fail_here(kEofValue);
    if (c != expected) return fail_here("expected ident");
  }
  return true;
}

bool JsonReader::parse_string(std::string& value) {
  value.clear();
  for (;;) {
    const std::size_t start = at_;
    while (at_ < text_.size() && !ends_plain_text(text_[at_])) ++at_;
    if (at_ == text_.size()) return fail_here(kEofString);
    value.append(text_, start, at_ - start);
    const char c = text_[at_++];
    if (c == '"') break;
    if (c != '\\') return fail_here(kControlCharacter);
    if (!parse_escape(value)) return false;
  }
  const std::size_t valid = valid_utf8_prefix(value);
  if (valid == value.size()) return true;
  return fail_here("invalid unicode code point");
}

bool JsonReader::parse_escape(std::string& value) {
  switch (next()) {
    case kEnd:
      return fail_here(kEofString);
    case '"':
      value += '"';
      return true;
    case '\\':
      value += '\\';
      return true;
    case '/':
      value += '/';
      return true;
    case 'b':
      value += '\b';
      return true;
    case 'f':
      value += '\f';
      return true;
    case 'n':
      value += '\n';
      return true;
    case 'r':
      value += '\r';
      return true;
    case 't':
      value += '\t';
      return true;
    case 'u':
      return parse_unicode_escape(value);
    default:
      return fail_here("invalid escape");
  }
}

bool JsonReader::parse_hex(std::uint32_t& value) {
  if (text_.size() - at_ < 4) {
    at_ = text_.size();
    return fail_here(kEofString);
  }
  value = 0;
  bool valid = true;
  for (int i = 0; i < 4; ++i) {
    const int c = next();
    const int lower = c | 0x20;
    const bool letter = lower >= 'a' && lower <= 'f';
    valid = valid && (is_digit(c) || letter);
    value = value << 4 | static_cast<std::uint32_t>(letter ? lower - 'a' + 10 : c - '0');
  }
  return valid || fail_here("invalid escape");
}

bool JsonReader::parse_unicode_escape(std::string& value) {
  const std::string_view lone = "lone leading surrogate in hex escape";
  std::uint32_t first = 0;
  if (!parse_hex(first)) return false;
  if (first >= 0xDC00 && first <= 0xDFFF) return fail_here(lone);
  if (first < 0xD800 || first > 0xDBFF) {
    append_utf8(value, first);
    return true;
  }
  for (const char expected : std::string_view("\\u")) {
    if (peek() == kEnd) return fail_here(kEofString);
    if (next() != expected) return fail_here("unexpected end of hex escape");
  }
  std::uint32_t second = 0;
  if (!parse_hex(second)) return false;
  if (second < 0xDC00 || second > 0xDFFF) return fail_here(lone);
  append_utf8(value, 0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00)));
  return true;
}

bool JsonReader::parse_number(Number& number) {
  const bool negative = peek() == '-';
  if (negative) ++at_;
  const int first = next();
  if (first == kEnd) return fail_here(kEofValue);
  if (!is_digit(first)) return fail_here(kInvalidNumber);
  std::uint64_t significand = static_cast<std::uint64_t>(first - '0');
  bool is_float = false;
  double real = 0;
  if (first == '0') {
    if (is_digit(peek())) return fail_peeked(kInvalidNumber);
  } else {
    while (is_digit(peek())) {
      const auto digit = static_cast<std::uint64_t>(peek() - '0');
      if (overflows(significand, digit, UINT64_MAX)) {
        int exponent = 0;
        for (; is_digit(peek()); ++at_) ++exponent;
        is_float = true;
        if (peek() == '.') {
          if (!parse_fraction(significand, exponent, real)) return false;
        } else if ((peek() | 0x20) == 'e') {
          if (!parse_exponent(significand, exponent, real)) return false;
        } else if (!scale(significand, exponent, real)) {
          return false;
        }
        break;
      }
      ++at_;
      significand = significand * 10 + digit;
    }
  }
  if (!is_float && peek() == '.') {
    is_float = true;
    if (!parse_fraction(significand, 0, real)) return false;
  } else if (!is_float && peek() != kEnd && (peek() | 0x20) == 'e') {
    is_float = true;
    if (!parse_exponent(significand, 0, real)) return false;
  }
  if (!is_float && negative && (significand == 0 || significand > (1ull << 63))) {
    is_float = true;
    real = static_cast<double>(significand);
  }
  if (is_float) {
    number = {Number::Kind::kFloat, 0, negative ? -real : real};
  } else {
    number = {negative ? Number::Kind::kNegative : Number::Kind::kUnsigned, significand, 0};
  }
  return true;
}

bool JsonReader::parse_fraction(std::uint64_t significand, int exponent, double& real) {
  ++at_;
  bool any = false;
  for (; is_digit(peek()); ++at_, any = true) {
    const auto digit = static_cast<std::uint64_t>(peek() - '0');
    if (overflows(significand, digit, UINT64_MAX)) {
      while (is_digit(peek())) ++at_;  // beyond what the significand holds
      any = true;
      break;
    }
    significand = significand * 10 + digit;
    --exponent;
  }
  if (!any) return peek() == kEnd ? fail_peeked(kEofValue) : fail_peeked(kInvalidNumber);
  if (peek() != kEnd && (peek() | 0x20) == 'e') return parse_exponent(significand, exponent, real);
  return scale(significand, exponent, real);
}

bool JsonReader::parse_exponent(std::uint64_t significand, int start, double& real) {
  ++at_;
  const bool negative = peek() == '-';
  if (negative || peek() == '+') ++at_;
  const int first = next();
  if (first == kEnd) return fail_here(kEofValue);
  if (!is_digit(first)) return fail_here(kInvalidNumber);
  std::int32_t exponent = first - '0';
  while (is_digit(peek())) {
    const std::int32_t digit = next() - '0';
    if (overflows(exponent, digit, INT32_MAX)) {
      if (significand != 0 && !negative) return fail_here("number out of range");
      while (is_digit(peek())) ++at_;
      real = 0;
      return true;
    }
    exponent = exponent * 10 + digit;
  }
  const std::int64_t sum =
      negative ? std::int64_t{start} - exponent : std::int64_t{start} + exponent;
  return scale(significand, static_cast<int>(std::clamp<std::int64_t>(sum, INT32_MIN, INT32_MAX)),
               real);
}

// serde_json's own approximation, since error texts print the number.
bool JsonReader::scale(std::uint64_t significand, int exponent, double& real) {
  real = static_cast<double>(significand);
  std::int64_t left = exponent;
  while (left < -308 && real != 0) {
    real /= 1e308;
    left += 308;
  }
  if (real == 0) return true;
  if (left > 308) return fail_here("number out of range");
  const double power = exact_power_of_ten(static_cast<unsigned>(std::abs(left)));
  real = left >= 0 ? real * power : real / power;
  return !std::isinf(real) || fail_here("number out of range");
}

// ---- values that nobody asked for: fewer checks, no limit of depth ----

bool JsonReader::skip_string() {
  for (;;) {
    while (at_ < text_.size() && !ends_plain_text(text_[at_])) ++at_;
    if (at_ == text_.size()) return fail_here(kEofString);
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return true;
    }
    if (c != '\\') return fail_here(kControlCharacter);
    ++at_;
    const int escaped = next();
    if (escaped == kEnd) return fail_here(kEofString);
    if (escaped == 'u') {
      std::uint32_t unit = 0;
      if (!parse_hex(unit)) return false;
    } else if (std::string_view("\"\\/bfnrt").find(static_cast<char>(escaped)) ==
               std::string_view::npos) {
      return fail_here("invalid escape");
    }
  }
}

bool JsonReader::skip_number() {
  if (peek() == '-') ++at_;
  const int first = next();
  if (!is_digit(first)) return fail_here(kInvalidNumber);
  if (first == '0') {
    if (is_digit(peek())) return fail_peeked(kInvalidNumber);
  } else {
    while (is_digit(peek())) ++at_;
  }
  if (peek() == '.') {
    ++at_;
    if (!is_digit(peek())) return fail_peeked(kInvalidNumber);
    while (is_digit(peek())) ++at_;
  }
  if (peek() == kEnd || (peek() | 0x20) != 'e') return true;
  ++at_;
  if (peek() == '+' || peek() == '-') ++at_;
  if (!is_digit(next())) return fail_here(kInvalidNumber);
  while (is_digit(peek())) ++at_;
  return true;
}

bool JsonReader::skip_value() {
  std::string open;  // the brackets around the value at hand, outermost first
  for (;;) {
    const int c = skip_space();
    bool opened = false;
    switch (c) {
      case kEnd:
        return fail_peeked(kEofValue);
      case 'n':
      case 't':
      case 'f':
        ++at_;
        if (!parse_rest(c == 'n' ? "ull" : c == 't' ? "rue" : "alse")) return false;
        break;
      case '"':
        ++at_;
        if (!skip_string()) return false;
        break;
      case '[':
      case '{':
        ++at_;
        open += static_cast<char>(c);
        opened = true;
        break;
      default:
        if (c != '-' && !is_digit(c)) return fail_peeked(kExpectedValue);
        if (!skip_number()) return false;
    }
    for (bool accept_comma = !opened;; accept_comma = true) {
      if (open.empty()) return true;
      const bool list = open.back() == '[';
      const int after = skip_space();
      if (after == kEnd) return fail_peeked(list ? kEofList : kEofObject);
      if (after == ',' && accept_comma) {
        ++at_;
        break;
      }
      if (after != (list ? ']' : '}')) {
        if (accept_comma) return fail_peeked(list ? "expected `,` or `]`" : "expected `,` or `}`");
        break;
      }
      ++at_;
      open.pop_back();
    }
    if (open.back() == '[') continue;
    const int key = skip_space();
    if (key == kEnd) return fail_peeked(kEofObject);
    if (key != '"') return fail_peeked(kKeyMustBeString);
    ++at_;
    if (!skip_string() || !read_colon()) return false;
  }
}

}  // namespace tenon::tei
