#include "host/plugins/manifest_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include "host/config/document.h"
#include "host/domain/deployment.h"

namespace tenon::plugins {
namespace {

using config::Position;
using config::Scalar;
using config::Table;
using config::Text;

template <class Field, class Found>
void take(Field& field, Found found) {
  if (found) field = *std::move(found);
}

// "1.0-1.3", or "1.0" for one version.
bool parse_abi(std::string_view text, Manifest& out) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](unsigned& value) {
    const auto [next, error] = std::from_chars(at, end, value);
    at = next;
    return error == std::errc();
  };
  const auto symbol = [&](char c) { return at != end && *at++ == c; };
  unsigned major = 0;
  if (!number(out.abi_major) || !symbol('.') || !number(out.abi_minor_min)) return false;
  out.abi_minor = out.abi_minor_min;
  if (at == end) return true;
  return symbol('-') && number(major) && symbol('.') && number(out.abi_minor) && at == end &&
         major == out.abi_major && out.abi_minor_min <= out.abi_minor;
}

void read_identity(Table& root, const std::string& file, Manifest& manifest) {
  const auto id = root.required_text("id");
  if (id && !is_valid_name(id->value)) {
    root.problem(id->at, fmt::format("'id' is '{}', expected 1 to 63 of a-z, 0-9 and -, with a "
                                     "letter or digit at both ends",
                                     id->value));
  }
  if (id && id->value == kAutoRuntime) {
    root.problem(id->at,
                 "'id' is 'auto', which is how a deployment leaves the choice to the host: "
                 "expected another name");
  }
  if (id) manifest.id = id->value;
  manifest.version = root.required_string("version");
  if (const auto library = root.required_text("library")) {
    if (library->value.empty() || library->value.find('/') != std::string::npos) {
      root.problem(library->at, fmt::format("'library' is '{}', expected the name of a file "
                                            "beside the manifest, without folders",
                                            library->value));
    }
    manifest.library = std::filesystem::path(file).replace_filename(library->value).string();
  }
  if (const auto abi = root.required_text("abi"); abi && !parse_abi(abi->value, manifest)) {
    root.problem(abi->at, fmt::format("'abi' is '{}', expected the versions of the ABI that the "
                                      "plugin can work with, such as \"1.0-1.2\"",
                                      abi->value));
  }
}

void read_flavors(Table& root, Manifest& manifest) {
  for (const Text& flavor : root.strings("flavors").value_or(std::vector<Text>())) {
    if (flavor.value != "cpu" && flavor.value != "gpu") {
      root.problem(flavor.at,
                   fmt::format("flavor '{}', expected \"cpu\" or \"gpu\"", flavor.value));
    }
    manifest.flavors.push_back(flavor.value);
  }
}

void read_paths(Table& root, Manifest& manifest) {
  for (const Text& path : root.strings("passive").value_or(std::vector<Text>())) {
    if (!path.value.starts_with('/')) {
      root.problem(path.at, fmt::format("passive path '{}', expected a leading '/'", path.value));
    }
    manifest.passive.push_back(path.value);
  }
  for (const Text& path : root.strings("health").value_or(std::vector<Text>())) {
    if (!manifest.is_passive(path.value)) {
      root.problem(path.at, fmt::format("health path '{}' is not among 'passive'", path.value));
    }
    manifest.health.push_back(path.value);
  }
}

bool fits(const OptionSpec& option, const Scalar& value) {
  switch (option.type) {
    case OptionType::kString:
      return value.type == Scalar::Type::kString;
    case OptionType::kInteger:
      return value.type == Scalar::Type::kInteger;
    case OptionType::kNumber:
      return value.type == Scalar::Type::kInteger || value.type == Scalar::Type::kNumber;
    case OptionType::kBoolean:
      return value.type == Scalar::Type::kBoolean;
    case OptionType::kEnum:
      break;
  }
  return value.type == Scalar::Type::kString &&
         std::ranges::find(option.values, value.text) != option.values.end();
}

std::optional<double> read_bound(Table& table, std::string_view key, const OptionSpec& option) {
  const auto bound = table.scalar(key);
  if (!bound) return std::nullopt;
  double value = 0;
  const char* end = bound->text.data() + bound->text.size();
  const bool numeric = option.type == OptionType::kInteger || option.type == OptionType::kNumber;
  if (!numeric || (bound->type != Scalar::Type::kInteger && bound->type != Scalar::Type::kNumber) ||
      std::from_chars(bound->text.data(), end, value).ec != std::errc()) {
    table.problem(bound->at,
                  fmt::format("'{}', expected a number, and only beside a numeric type", key));
    return std::nullopt;
  }
  return value;
}

OptionSpec read_option(Table& table) {
  OptionSpec option;
  option.name = table.required_string("name");
  if (table.has("type")) {
    take(option.type, table.one_of<OptionType>("type", {{"string", OptionType::kString},
                                                        {"integer", OptionType::kInteger},
                                                        {"number", OptionType::kNumber},
                                                        {"boolean", OptionType::kBoolean},
                                                        {"enum", OptionType::kEnum}}));
  } else {
    table.problem(table.position(), "'type' is missing");
  }
  for (Text& value : table.strings("values").value_or(std::vector<Text>())) {
    option.values.push_back(std::move(value.value));
  }
  if ((option.type == OptionType::kEnum) == option.values.empty()) {
    table.problem(table.position("values"), "'values' go with type = \"enum\", and only with it");
  }
  option.minimum = read_bound(table, "min", option);
  option.maximum = read_bound(table, "max", option);
  if (auto value = table.scalar("default")) {
    if (!fits(option, *value)) {
      table.problem(value->at,
                    fmt::format("the default of option '{}' is not of its type", option.name));
    }
    option.default_value = std::move(value->text);
  }
  take(option.help, table.string("help"));
  return option;
}

void read_options(Table& root, Manifest& manifest) {
  for (Table& table : root.tables("option")) {
    OptionSpec option = read_option(table);
    if (std::ranges::find(manifest.options, option.name, &OptionSpec::name) !=
        manifest.options.end()) {
      table.problem(table.position("name"),
                    fmt::format("option '{}' stands here twice", option.name));
    }
    manifest.options.push_back(std::move(option));
  }
}

}  // namespace

bool Manifest::is_passive(std::string_view path) const {
  return std::ranges::find(passive, path) != passive.end();
}

bool Manifest::runs_on(std::string_view flavor) const {
  const std::string_view type = flavor.empty() ? "cpu" : flavor.substr(0, flavor.find('/'));
  return flavors.empty() || std::ranges::find(flavors, type) != flavors.end();
}

Result<Manifest> read_manifest(std::string_view text, const std::string& file) {
  config::Problems problems(file);
  Manifest manifest;
  if (auto document = config::Document::parse(text, problems)) {
    Table root = document->root();
    read_identity(root, file, manifest);
    take(manifest.description, root.string("description"));
    for (Text& served : root.strings("serves").value_or(std::vector<Text>())) {
      manifest.serves.push_back(std::move(served.value));
    }
    read_flavors(root, manifest);
    read_paths(root, manifest);
    take(manifest.requires_worker, root.boolean("requiresWorker"));
    take(manifest.wants_sockets, root.boolean("wantsSockets"));
    take(manifest.wants_exec, root.boolean("wantsExec"));
    read_options(root, manifest);
  }
  if (!problems.empty()) return std::unexpected(problems.error());
  return manifest;
}

}  // namespace tenon::plugins
