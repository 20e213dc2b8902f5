#include "host/cli/yaml_writer.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "host/domain/json_text.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);  // YAML takes the escapes of JSON
  return out + "\"";
}

// Plain where no reader takes it for anything but a string.
std::string key_text(std::string_view key) {
  constexpr std::array<std::string_view, 9> kWords = {"y",   "n",    "yes",  "no",   "on",
                                                      "off", "null", "true", "false"};
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool is_name =
      !key.empty() && key[0] >= 'a' && key[0] <= 'z' && std::ranges::all_of(key, is_letter);
  const bool is_word = std::ranges::find(kWords, key) != kWords.end();
  return is_name && !is_word ? std::string(key) : quoted(key);
}

bool is_empty(const json::value& value) {
  return (value.is_array() && value.get_array().empty()) ||
         (value.is_object() && value.get_object().empty());
}

std::string scalar(const json::value& value) {
  if (const json::string* text = value.if_string()) return quoted(*text);
  if (is_empty(value)) return value.is_array() ? "[]" : "{}";
  return json::serialize(value);
}

void write(std::string& out, const json::value& value, std::size_t indent);

// What stands after "key:" or "-".
void write_after(std::string& out, const json::value& value, std::size_t indent, bool item) {
  if (!value.is_structured() || is_empty(value)) {
    out += " " + scalar(value) + "\n";
  } else if (item) {  // its first line goes on behind the dash
    std::string inner;
    write(inner, value, indent);
    out += " " + inner.substr(indent);
  } else {
    out += "\n";
    write(out, value, indent);
  }
}

void write(std::string& out, const json::value& value, std::size_t indent) {
  const std::string space(indent, ' ');
  if (const json::object* object = value.if_object(); object && !object->empty()) {
    for (const auto& [key, child] : *object) {
      out += space + key_text(key) + ":";
      write_after(out, child, indent + 2, false);
    }
  } else if (const json::array* array = value.if_array(); array && !array->empty()) {
    for (const json::value& child : *array) {
      out += space + "-";
      write_after(out, child, indent + 2, true);
    }
  } else {
    out += space + scalar(value) + "\n";
  }
}

}  // namespace

std::string to_yaml(const json::value& value) {
  std::string out;
  write(out, value, 0);
  return out;
}

}  // namespace tenon::cli
