#include "host/config/toml_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "host/domain/json_text.h"

namespace tenon::config {
namespace {

namespace json = boost::json;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);  // the escapes of JSON are TOML's too
  return out += '"';
}

std::string key_text(std::string_view key) {
  const bool bare = !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return bare ? std::string(key) : quoted(key);
}

bool is_array_of_tables(const json::value& value) {
  const json::array* array = value.if_array();
  return array && !array->empty() && std::ranges::all_of(*array, &json::value::is_object);
}

std::string in_line(const json::value& value) {
  if (const auto* text = value.if_string()) return quoted(*text);
  if (const double* number = value.if_double()) {
    const std::string text = fmt::format("{}", *number);
    return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
  }
  std::string out;
  if (const json::array* array = value.if_array()) {
    for (const json::value& child : *array) {
      if (!child.is_null()) out += (out.empty() ? "" : ", ") + in_line(child);
    }
    return "[" + out + "]";
  }
  if (const json::object* object = value.if_object()) {
    for (const auto& [key, child] : *object) {
      if (child.is_null()) continue;
      out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", key_text(key), in_line(child));
    }
    return "{ " + out + " }";
  }
  return json::serialize(value);  // integers and booleans
}

// The values of a table first, then the tables in it, each under its own head.
void write(std::string& out, const json::object& object, const std::string& name) {
  for (const auto& [key, value] : object) {
    if (value.is_object() || value.is_null() || is_array_of_tables(value)) continue;
    out += fmt::format("{} = {}\n", key_text(key), in_line(value));
  }
  for (const auto& [key, value] : object) {
    const std::string inner = name.empty() ? key_text(key) : name + "." + key_text(key);
    if (const json::object* sub = value.if_object()) {
      out += fmt::format("\n[{}]\n", inner);
      write(out, *sub, inner);
    } else if (is_array_of_tables(value)) {
      for (const json::value& sub_table : value.get_array()) {
        out += fmt::format("\n[[{}]]\n", inner);
        write(out, sub_table.get_object(), inner);
      }
    }
  }
}

}  // namespace

std::string to_toml(const json::object& object, std::string_view table) {
  std::string out;
  if (!table.empty()) out = fmt::format("{}\n", table);
  const std::size_t brackets = table.find_first_not_of('[');
  const std::string_view name =
      table.empty() ? table : table.substr(brackets, table.size() - 2 * brackets);
  write(out, object, std::string(name));
  return out;
}

}  // namespace tenon::config
