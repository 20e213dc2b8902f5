#include "plugins/tei/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plugins/tei/text.h"

namespace tenon::tei {

namespace {

constexpr std::string_view kEofValue = "EOF while parsing a value";
constexpr std::string_view kEofList = "EOF while parsing a list";
constexpr std::string_view kEofObject = "EOF while parsing an object";
constexpr std::string_view kEofString = "EOF while parsing a string";
constexpr std::string_view kExpectedValue = "expected value";
constexpr std::string_view kInvalidNumber = "invalid number";
constexpr std::string_view kTrailingComma = "trailing comma";
constexpr std::string_view kTrailingCharacters = "trailing characters";
constexpr std::string_view kKeyMustBeString = "key must be a string";
constexpr std::string_view kControlCharacter =
    "control character (\\u0000-\\u001F) found while parsing a string";

bool is_digit(int c) {
  return c >= '0' && c <= '9';
}

bool ends_plain_text(char c) {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

// Whether 10 × value + digit exceeds limit.
template <class T>
bool overflows(T value, T digit, T limit) {
  return value >= limit / 10 && (value > limit / 10 || digit > limit % 10);
}

}  // namespace

// ---- errors ----

bool JsonReader::keep_error(bool wrong_shape, std::string_view message) {
  if (failed_) return false;
  failed_ = true;
  error_.wrong_shape = wrong_shape;
  std::vector<const Place*> places;
  for (const Place* place = place_; place != nullptr; place = place->parent) {
    places.push_back(place);
  }
  std::string path;
  const bool known = std::ranges::any_of(
      places, [](const Place* place) { return place->kind != Place::Kind::kUnknown; });
  if (known) {
    for (auto it = places.rbegin(); it != places.rend(); ++it) {
      if ((*it)->kind == Place::Kind::kIndex) {
        path += fmt::format("[{}]", (*it)->index);
        continue;
      }
      if (!path.empty()) path += '.';
      path += (*it)->kind == Place::Kind::kKey ? (*it)->key : std::string_view("?");
    }
    path += ": ";
  }
  error_.message = path + std::string(message);
  return false;
}

bool JsonReader::fail_syntax(std::string_view message, std::size_t offset) {
  if (failed_) return false;
  keep_error(false, message);
  const std::size_t now = at_;
  at_ = offset;
  locate(false);
  at_ = now;
  return false;
}

bool JsonReader::fail_peeked(std::string_view message) {
  return fail_syntax(message, std::min(text_.size(), at_ + 1));
}

bool JsonReader::locate(bool ok) {
  if (!failed_ || located_) return ok;
  located_ = true;
  const std::string_view before = text_.substr(0, std::min(at_, text_.size()));
  const std::size_t newline = before.rfind('\n');
  const std::size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  const auto lines = std::ranges::count(before.substr(0, line_start), '\n');
  error_.message += fmt::format(" at line {} column {}", 1 + lines, before.size() - line_start);
  return false;
}

bool JsonReader::fail_shape(std::string message) {
  return keep_error(true, message);
}

bool JsonReader::fail_untagged(std::string_view type) {
  return keep_error(true, fmt::format("data did not match any variant of untagged enum {}", type));
}

bool JsonReader::fail_type(std::string_view found, std::string_view expected) {
  return keep_error(true, fmt::format("invalid type: {}, expected {}", found, expected));
}

std::string JsonReader::describe(const Number& number) {
  switch (number.kind) {
    case Number::Kind::kUnsigned:
      return fmt::format("integer `{}`", number.magnitude);
    case Number::Kind::kNegative:
      return fmt::format("integer `-{}`", number.magnitude);
    case Number::Kind::kFloat:
      break;
  }
  std::string text = "floating point `";
  append_double(text, number.real);
  return text + '`';
}

bool JsonReader::fail_peeked_type(std::string_view expected) {
  const int c = peek();
  switch (c) {
    case 'n':
      ++at_;
      if (parse_rest("ull")) fail_type("null", expected);
      break;
    case 't':
      ++at_;
      if (parse_rest("rue")) fail_type("boolean `true`", expected);
      break;
    case 'f':
      ++at_;
      if (parse_rest("alse")) fail_type("boolean `false`", expected);
      break;
    case '"': {
      ++at_;
      std::string value;
      if (parse_string(value)) fail_type("string " + debug_quoted(value), expected);
      break;
    }
    case '[':
      fail_type("sequence", expected);
      break;
    case '{':
      fail_type("map", expected);
      break;
    default:
      if (c == '-' || is_digit(c)) {
        Number number;
        if (parse_number(number)) fail_type(describe(number), expected);
      } else {
        return fail_peeked(kExpectedValue);
      }
  }
  return locate(false);
}

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

// ---- typed values ----

bool JsonReader::read_null(bool& null) {
  null = skip_space() == 'n';
  if (!null) return true;
  ++at_;
  return parse_rest("ull");
}

bool JsonReader::read_string(std::string& value) {
  const int c = skip_space();
  if (c == kEnd) return fail_peeked(kEofValue);
  if (c != '"') return fail_peeked_type("a string");
  ++at_;
  return parse_string(value);
}

bool JsonReader::read_bool(bool& value) {
  const int c = skip_space();
  if (c == kEnd) return fail_peeked(kEofValue);
  if (c != 't' && c != 'f') return fail_peeked_type("a boolean");
  ++at_;
  value = c == 't';
  return parse_rest(value ? "rue" : "alse");
}

bool JsonReader::read_size(std::uint64_t& value) {
  const int c = skip_space();
  if (c == kEnd) return fail_peeked(kEofValue);
  if (c != '-' && !is_digit(c)) return fail_peeked_type("usize");
  Number number;
  if (!parse_number(number)) return false;
  value = number.magnitude;
  switch (number.kind) {
    case Number::Kind::kUnsigned:
      return true;
    case Number::Kind::kNegative:
      keep_error(true, fmt::format("invalid value: {}, expected usize", describe(number)));
      break;
    case Number::Kind::kFloat:
      fail_type(describe(number), "usize");
      break;
  }
  return locate(false);
}

bool JsonReader::read_variant(std::span<const std::string_view> names, std::size_t& index) {
  const int c = skip_space();
  if (c == kEnd) return fail_peeked(kEofValue);
  if (c != '"' && c != '{') return fail_peeked(kExpectedValue);
  if (c == '{') {
    if (!deeper()) return false;
    ++at_;
    const int inner = skip_space();
    if (inner == kEnd) return fail_peeked(kEofValue);
    if (inner != '"') return fail_peeked_type("variant identifier");
  }
  ++at_;
  std::string name;
  if (!parse_string(name)) return false;
  index = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  if (index == names.size()) {
    std::string expected = names.size() > 2 ? "one of " : "";
    for (std::size_t i = 0; i < names.size(); ++i) {
      expected += fmt::format("{}`{}`", i == 0 ? "" : names.size() > 2 ? ", " : " or ", names[i]);
    }
    keep_error(true, fmt::format("unknown variant `{}`, expected {}", name, expected));
    return locate(false);
  }
  if (c == '"') return true;
  if (!read_colon()) return false;
  {
    const Place place{place_, name, 0, Place::Kind::kKey};
    const PlaceScope scope(*this, &place);
    bool null = false;
    if (!read_null(null)) return false;
    if (!null) return peek() == kEnd ? fail_peeked(kEofValue) : fail_peeked_type("unit");
  }
  ++depth_left_;
  const int after = skip_space();
  if (after == kEnd) return fail_here(kEofObject);
  if (after != '}') return fail_here(kExpectedValue);
  ++at_;
  return true;
}

bool JsonReader::read_string_map(std::vector<std::pair<std::string, std::string>>& values) {
  values.clear();
  const int c = skip_space();
  if (c == kEnd) return fail_peeked(kEofValue);
  if (c != '{') return fail_peeked_type("a map");
  if (!deeper()) return false;
  ++at_;
  bool there = true;
  for (bool first = true;; first = false) {
    if (!next_key(first, there)) return leave_object(false);
    if (!there) return leave_object(true);
    ++at_;
    auto& [key, value] = values.emplace_back();
    if (!parse_string(key) || !read_colon() || !read_string(value)) return leave_object(false);
  }
}

bool JsonReader::enter_array() {
  const int c = skip_space();
  if (c == kEnd) return fail_peeked(kEofValue);
  if (c != '[') return fail_peeked_type("a sequence");
  if (!deeper()) return false;
  ++at_;
  return true;
}

JsonReader::Entered JsonReader::enter_string_or_array(std::string_view expected,
                                                      std::string& text) {
  const int c = skip_space();
  if (c == kEnd) {
    fail_peeked(kEofValue);
    return Entered::kFailed;
  }
  if (c == '"') {
    ++at_;
    return parse_string(text) ? Entered::kString : Entered::kFailed;
  }
  if (c == '[') {
    if (!deeper()) return Entered::kFailed;
    ++at_;
    return Entered::kArray;
  }
  if (c == '{') {
    if (!deeper()) return Entered::kFailed;
    ++at_;
    fail_type("map", expected);
    leave_object(false);
    return Entered::kFailed;
  }
  fail_peeked_type(expected);
  return Entered::kFailed;
}

// ---- arrays and objects ----

bool JsonReader::next_element(std::size_t index, bool& there) {
  const int c = skip_space();
  if (c == kEnd) return fail_peeked(kEofList);
  there = c != ']';
  if (!there || index == 0) return true;
  if (c != ',') return fail_peeked("expected `,` or `]`");
  ++at_;
  const int after = skip_space();
  if (after == kEnd) return fail_peeked(kEofValue);
  if (after == ']') return fail_peeked(kTrailingComma);
  return true;
}

// Looks for the end even after an error: the position of a shape error is what follows.
bool JsonReader::leave_array(bool ok) {
  ++depth_left_;
  switch (skip_space()) {
    case ']':
      ++at_;
      break;
    case ',':
      ++at_;
      ok = skip_space() == ']' ? fail_peeked(kTrailingComma) : fail_peeked(kTrailingCharacters);
      break;
    case kEnd:
      ok = fail_peeked(kEofList);
      break;
    default:
      ok = fail_peeked(kTrailingCharacters);
  }
  return locate(ok);
}

bool JsonReader::leave_object(bool ok) {
  ++depth_left_;
  switch (skip_space()) {
    case '}':
      ++at_;
      break;
    case ',':
      ok = fail_peeked(kTrailingComma);
      break;
    case kEnd:
      ok = fail_peeked(kEofObject);
      break;
    default:
      ok = fail_peeked(kTrailingCharacters);
  }
  return locate(ok);
}

bool JsonReader::next_key(bool first, bool& there) {
  int c = skip_space();
  if (c == kEnd) return fail_peeked(kEofObject);
  there = c != '}';
  if (!there) return true;
  if (!first) {
    if (c != ',') return fail_peeked("expected `,` or `}`");
    ++at_;
    c = skip_space();
    if (c == kEnd) return fail_peeked(kEofValue);
    if (c == '}') return fail_peeked(kTrailingComma);
  }
  return c == '"' || fail_peeked(kKeyMustBeString);
}

bool JsonReader::read_colon() {
  const int c = skip_space();
  if (c == kEnd) return fail_peeked(kEofObject);
  if (c != ':') return fail_peeked("expected `:`");
  ++at_;
  return true;
}

bool JsonReader::read_fields(const StructFields& fields, void* context, ReadField read) {
  const int c = skip_space();
  if (c == kEnd) return fail_peeked(kEofValue);
  if (c != '{' && c != '[') return fail_peeked_type(fmt::format("struct {}", fields.name));
  if (!deeper()) return false;
  ++at_;
  if (c == '{') return leave_object(read_object_fields(fields, context, read));
  return leave_array(read_array_fields(fields, context, read));
}

bool JsonReader::read_object_fields(const StructFields& fields, void* context, ReadField read) {
  std::uint64_t seen = 0;
  std::string key;
  for (bool first = true, there = true;; first = false) {
    {
      const Place place{place_, {}, 0, Place::Kind::kUnknown};
      const PlaceScope scope(*this, &place);
      if (!next_key(first, there)) return false;
      if (!there) break;
      ++at_;
      if (!parse_string(key)) return false;
    }
    const auto found = std::ranges::find(fields.names, std::string_view(key));
    const auto index = static_cast<std::size_t>(found - fields.names.begin());
    const bool known = found != fields.names.end();
    if (known && (seen >> index & 1) != 0) {
      return keep_error(true, fmt::format("duplicate field `{}`", key));
    }
    if (!read_colon()) return false;
    const Place place{place_, key, 0, Place::Kind::kKey};
    const PlaceScope scope(*this, &place);
    if (!(known ? read(*this, context, index) : skip_value())) return false;
    if (known) seen |= std::uint64_t{1} << index;
  }
  for (std::size_t i = 0; i < fields.names.size(); ++i) {
    if ((seen >> i & 1) == 0 && fields.presence[i] == Presence::kRequired) {
      return keep_error(true, fmt::format("missing field `{}`", fields.names[i]));
    }
  }
  return true;
}

bool JsonReader::read_array_fields(const StructFields& fields, void* context, ReadField read) {
  bool there = true;
  for (std::size_t i = 0; i < fields.names.size(); ++i) {
    if (there && !next_element(i, there)) return false;
    if (there) {
      if (!element(i, [&] { return read(*this, context, i); })) return false;
    } else if (fields.presence[i] != Presence::kDefault) {
      const std::size_t n = fields.names.size();
      return keep_error(true, fmt::format("invalid length {}, expected struct {} with {} element{}",
                                          i, fields.name, n, n == 1 ? "" : "s"));
    }
  }
  return true;
}

// ---- any value ----

bool JsonReader::read_any(AnyVisitor* visitor) {
  const int c = skip_space();
  switch (c) {
    case kEnd:
      return fail_peeked(kEofValue);
    case '"': {
      ++at_;
      std::string value;
      if (!parse_string(value)) return false;
      if (visitor != nullptr) visitor->string(std::move(value));
      return true;
    }
    case '[':
      if (!deeper()) return false;
      ++at_;
      return leave_array(read_any_array(visitor == nullptr ? nullptr : visitor->array_begin()));
    case '{':
      if (visitor != nullptr) visitor->other();
      if (!deeper()) return false;
      ++at_;
      return leave_object(read_any_object());
    default:
      break;
  }
  if (c == '-' || is_digit(c)) {
    Number number;
    if (!parse_number(number)) return false;
    if (visitor == nullptr) return true;
    if (number.kind == Number::Kind::kUnsigned) {
      visitor->unsigned_integer(number.magnitude);
    } else {
      visitor->other();
    }
    return true;
  }
  if (c != 'n' && c != 't' && c != 'f') return fail_peeked(kExpectedValue);
  ++at_;
  if (visitor != nullptr) visitor->other();
  return parse_rest(c == 'n' ? "ull" : c == 't' ? "rue" : "alse");
}

bool JsonReader::read_any_array(AnyVisitor* elements) {
  bool there = true;
  for (std::size_t i = 0;; ++i) {
    if (!next_element(i, there)) return false;
    if (!there) return true;
    if (!element(i, [&] { return read_any(elements); })) return false;
  }
}

bool JsonReader::read_any_object() {
  std::string key;
  for (bool first = true, there = true;; first = false) {
    {
      const Place place{place_, {}, 0, Place::Kind::kUnknown};
      const PlaceScope scope(*this, &place);
      if (!next_key(first, there)) return false;
      if (!there) return true;
      ++at_;
      if (!parse_string(key)) return false;
    }
    if (!read_colon()) return false;
    const Place place{place_, key, 0, Place::Kind::kKey};
    const PlaceScope scope(*this, &place);
    if (!read_any(nullptr)) return false;
  }
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
