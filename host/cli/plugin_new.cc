#include "host/cli/plugin_new.h"

#include <fmt/format.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>

#include "host/cli/host_client.h"
#include "host/cli/machine.h"
#include "host/cli/options.h"
#include "host/cli/plugin_template.h"
#include "host/domain/deployment.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVerb = "plugin new";

// "my-model" is MyModel.
std::string class_name(std::string_view id) {
  std::string out;
  bool first = true;
  for (const char c : id) {
    if (c != '-') {
      out += first ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    }
    first = c == '-';
  }
  return out;
}

std::string filled(std::string text, const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values) {
    for (auto at = text.find(name); at != text.npos; at = text.find(name, at + value.size())) {
      text.replace(at, name.size(), value);
    }
  }
  return text;
}

// Of this tree, when tenon was built in one; else the author says where it is.
std::string sdk_folder() {
  std::error_code error;
  for (fs::path at = program_folder(); at.has_relative_path(); at = at.parent_path()) {
    if (fs::exists(at / "sdk/include/tenon/plugin.hpp", error)) return at / "sdk";
  }
  return "";
}

Result<void> write(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (out) return {};
  return fail(Code::kUnavailable, "cannot write " + file.string());
}

}  // namespace

int plugin_new(const Arguments& words, Streams streams) {
  options_description options;
  options.add_options()("name", value<std::string>())("folder", value<std::string>())(
      "sdk", value<std::string>()->default_value(sdk_folder()));
  positional_options_description positional;
  positional.add("name", 1).add("folder", 1);
  const auto given = parse_options(words, options, positional);
  if (!given) return bad_usage(kVerb, given.error().message, streams);
  if (!given->count("name")) return bad_usage(kVerb, "which name? NAME [FOLDER]", streams);
  const std::string id = (*given)["name"].as<std::string>();
  if (!is_valid_name(id) || std::isdigit(static_cast<unsigned char>(id[0]))) {
    return bad_usage(kVerb,
                     fmt::format("'{}' is no name of a plugin: expected a letter, then a-z, 0-9 "
                                 "and -, with a letter or digit at the end",
                                 id),
                     streams);
  }
  const fs::path folder = given->count("folder") ? (*given)["folder"].as<std::string>() : id;
  std::error_code error;
  if (fs::exists(folder, error)) {
    return bad_usage(kVerb, folder.string() + " is there already", streams);
  }
  if (!fs::create_directories(folder, error)) {
    return tell_error(kVerb, {Code::kUnavailable, folder.string() + ": " + error.message()},
                      streams);
  }
  const std::map<std::string, std::string> values = {{"@id@", id},
                                                     {"@Class@", class_name(id)},
                                                     {"@sdk@", (*given)["sdk"].as<std::string>()},
                                                     {"@tenon@", program_folder() + "/tenon"}};
  for (const TemplateFile& file : kPluginTemplate) {
    if (auto done = write(folder / file.name, filled(std::string(file.text), values)); !done) {
      return tell_error(kVerb, done.error(), streams);
    }
    streams.out << (folder / file.name).string() << "\n";
  }
  return kOk;
}

}  // namespace tenon::cli
