#include "host/cli/plugin_commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "host/cli/in_child.h"
#include "host/cli/machine.h"
#include "host/cli/options.h"
#include "host/plugins/library.h"
#include "host/plugins/manifest_reader.h"

namespace tenon::cli {
namespace {

constexpr std::chrono::seconds kInspectLimit{10};

std::string abi_of(unsigned major, unsigned least, unsigned most) {
  return least == most ? fmt::format("{}.{}", major, most)
                       : fmt::format("{}.{}–{}.{}", major, least, major, most);
}

std::string_view type_of(plugins::OptionType type) {
  switch (type) {
    case plugins::OptionType::kString:
      return "string";
    case plugins::OptionType::kInteger:
      return "integer";
    case plugins::OptionType::kNumber:
      return "number";
    case plugins::OptionType::kBoolean:
      return "boolean";
    case plugins::OptionType::kEnum:
      break;
  }
  return "one of";
}

void print_options(const plugins::Manifest& manifest, std::ostream& out) {
  for (const auto& option : manifest.options) {
    std::string type(type_of(option.type));
    if (!option.values.empty()) type += fmt::format(" {}", fmt::join(option.values, ", "));
    if (option.minimum) type += fmt::format(", at least {}", *option.minimum);
    if (option.maximum) type += fmt::format(", at most {}", *option.maximum);
    if (option.default_value) type += fmt::format(", default {}", *option.default_value);
    out << fmt::format("    {:<24} {}\n", option.name, type);
    if (!option.help.empty()) out << fmt::format("    {:<24} {}\n", "", option.help);
  }
}

Result<std::string> describe(const std::string& path) {
  const auto library = plugins::Library::open(path);
  if (!library) return std::unexpected(library.error());
  const auto& info = library->descriptor().info;
  return fmt::format("id       {}\nversion  {}\nbuild    {}\nABI      {}\n", info.id, info.version,
                     info.build_info, abi_of(info.abi_major, info.abi_minor_min, info.abi_minor));
}

}  // namespace

int plugin_list(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "plugin list";
  options_description options;
  options.add_options()("plugins", value<std::vector<std::string>>()->composing())("options", "");
  const auto parsed = parse_options(words, options);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  std::vector<std::string> folders = {program_folder() + "/../plugins"};
  if (parsed->count("plugins")) folders = (*parsed)["plugins"].as<std::vector<std::string>>();
  Machine machine;
  for (std::string& folder : folders) {
    folder = machine.absolute(folder);
    if (!machine.is_folder(folder)) {
      return bad_usage(kVerb, fmt::format("there is no folder {}", folder), streams);
    }
  }
  const auto found = plugins::scan(folders);
  if (!found) {
    streams.err << found.error().message << "\n";
    return kFailed;
  }
  if (parsed->count("options")) {
    for (const auto& manifest : *found) {
      streams.out << manifest.id << "\n";
      print_options(manifest, streams.out);
    }
    return kOk;
  }
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "VERSION", "ABI", "RUNS ON", "SERVES", "LIBRARY"}};
  for (const auto& manifest : *found) {
    rows.push_back({manifest.id, manifest.version,
                    abi_of(manifest.abi_major, manifest.abi_minor_min, manifest.abi_minor),
                    fmt::format("{}", fmt::join(manifest.flavors, ", ")),
                    fmt::format("{}", fmt::join(manifest.serves, ", ")), manifest.library});
  }
  print_table(streams.out, rows);
  return kOk;
}

int plugin_inspect(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "plugin inspect";
  options_description options;
  options.add_options()("library", value<std::string>());
  positional_options_description positional;
  positional.add("library", 1);
  const auto parsed = parse_options(words, options, positional);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  if (!parsed->count("library")) return bad_usage(kVerb, "which library?", streams);
  const std::string path = Machine().absolute((*parsed)["library"].as<std::string>());
  const auto text = in_child([&] { return describe(path); }, kInspectLimit);
  if (!text) {
    const bool named = text.error().message.contains(path);
    streams.err << (named ? "" : path + ": ") << text.error().message << "\n";
    return kFailed;
  }
  streams.out << "library  " << path << "\n" << *text;
  return kOk;
}

}  // namespace tenon::cli
