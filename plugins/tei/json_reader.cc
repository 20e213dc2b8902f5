#include "plugins/tei/json_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/tei/json_words.h"

namespace tenon::tei {

using namespace json_words;

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

}  // namespace tenon::tei
