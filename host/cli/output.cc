#include "host/cli/output.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "host/cli/terminal.h"
#include "host/cli/yaml_writer.h"
#include "host/config/toml_writer.h"
#include "host/domain/json_text.h"
#include "host/domain/nearest.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kShortEnough = 60;  // bytes of a value on one line

// JSON on one line, with what a terminal would obey escaped.
std::string one_line(const json::value& value) {
  if (const json::string* text = value.if_string()) {
    std::string out = "\"";
    append_json_escaped(out, *text);
    return out + "\"";
  }
  std::string out;
  if (const json::array* array = value.if_array()) {
    for (const json::value& each : *array) out += (out.empty() ? "" : ", ") + one_line(each);
    return "[" + out + "]";
  }
  if (const json::object* object = value.if_object()) {
    for (const auto& [key, each] : *object) {
      out += (out.empty() ? "" : ", ") + one_line(json::string(key)) + ": " + one_line(each);
    }
    return "{" + out + "}";
  }
  return json::serialize(value);
}

void write(std::string& out, const json::value& value, std::size_t depth) {
  std::string line = one_line(value);
  if (!value.is_structured() || (depth > 0 && line.size() <= kShortEnough)) {
    out += line;
    return;
  }
  const std::string indent(2 * depth + 2, ' ');
  bool first = true;
  const auto begin_item = [&] {
    out += (first ? "\n" : ",\n") + indent;
    first = false;
  };
  if (const json::array* array = value.if_array()) {
    out += '[';
    for (const json::value& each : *array) {
      begin_item();
      write(out, each, depth + 1);
    }
    out += "\n" + std::string(2 * depth, ' ') + "]";
    return;
  }
  out += '{';
  for (const auto& [key, each] : value.get_object()) {
    begin_item();
    out += one_line(json::string(key)) + ": ";
    write(out, each, depth + 1);
  }
  out += "\n" + std::string(2 * depth, ' ') + "}";
}

}  // namespace

void add_output_option(options_description& options) {
  options.add_options()("output,o", value<std::string>()->default_value("table"));
}

Result<Form> output_form(const variables_map& options) {
  const auto word = options["output"].as<std::string>();
  if (word == "table") return Form::kTable;
  if (word == "json") return Form::kJson;
  if (word == "toml") return Form::kToml;
  if (word == "yaml") return Form::kYaml;
  return fail(Code::kInvalid,
              fmt::format("--output must be table, json, toml or yaml, found '{}'", word));
}

std::string pretty_json(const json::value& value) {
  std::string out;
  write(out, value, 0);
  return out + "\n";
}

std::string as_manifest(const json::value& resource, std::string_view otherwise) {
  const json::value* kind = json_at(resource, "/kind");
  const json::value* spec = json_at(resource, "/spec");
  if (!kind || !kind->is_string() || !spec || !spec->is_object()) {
    if (!resource.is_object()) return pretty_json(resource);
    return config::to_toml(resource.get_object(), fmt::format("[[{}]]", otherwise));
  }
  return config::to_toml(spec->get_object(),
                         fmt::format("[[{}]]", terminal_text(kind->get_string())));
}

std::string as_toml(const json::value& object) {
  return object.is_object() ? config::to_toml(object.get_object()) : pretty_json(object);
}

std::string in_form(Form form, const json::value& value) {
  if (form == Form::kToml) return as_toml(value);
  return form == Form::kYaml ? to_yaml(value) : pretty_json(value);
}

const json::value* json_at(const json::value& value, std::string_view pointer) {
  boost::system::error_code error;
  return value.find_pointer(pointer, error);
}

std::string text_at(const json::value& value, std::string_view pointer) {
  const json::value* found = json_at(value, pointer);
  return found && found->is_string() ? terminal_text(found->get_string()) : "";
}

}  // namespace tenon::cli
