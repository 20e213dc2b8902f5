#include "plugins/tei/json_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/tei/json_words.h"
#include "plugins/tei/text.h"

namespace tenon::tei {

// What JsonReader says of a body that does not fit, in serde's words.

using namespace json_words;

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

}  // namespace tenon::tei
