#include "host/cli/plugin_validate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "host/cli/machine.h"
#include "host/cli/options.h"
#include "host/plugins/manifest_reader.h"
#include "host/plugins/option_check.h"

namespace tenon::cli {
namespace {

constexpr std::string_view kVerb = "plugin validate";

using Texts = std::vector<std::string>;

// As a TOML file would give it: what is no number or boolean is a string.
GivenOption given_option(const plugins::Manifest& manifest, const std::string& text) {
  const auto equals = std::min(text.find('='), text.size());
  GivenOption out{.name = text.substr(0, equals),
                  .type = ValueType::kString,
                  .text = text.substr(std::min(equals + 1, text.size()))};
  const auto spec = std::ranges::find(manifest.options, out.name, &plugins::OptionSpec::name);
  if (spec == manifest.options.end()) return out;
  if (spec->type == plugins::OptionType::kInteger) out.type = ValueType::kInteger;
  if (spec->type == plugins::OptionType::kNumber) out.type = ValueType::kNumber;
  if (spec->type == plugins::OptionType::kBoolean && (out.text == "true" || out.text == "false")) {
    out.type = ValueType::kBoolean;
  }
  return out;
}

// The manifest beside a library, when there is one.
Result<std::optional<plugins::Manifest>> manifest_beside(const std::string& library) {
  const auto file = std::filesystem::path(library).parent_path() / plugins::kManifestName;
  if (!std::filesystem::exists(file)) return std::nullopt;
  const auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  auto manifest = plugins::read_manifest(*text, file);
  if (!manifest) return std::unexpected(manifest.error());
  return std::move(*manifest);
}

void pass_on(const variables_map& options, const std::string& name, Arguments& out) {
  if (!options.count(name)) return;
  for (const auto& value : options[name].as<Texts>()) out.insert(out.end(), {"--" + name, value});
}

// Returns only when it could not be started.
int become(const std::string& program, const Arguments& words, Streams streams) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  streams.out.flush();
  ::execv(program.c_str(), argv.data());
  streams.err << fmt::format("tenon: {} did not start: {}\n", program, std::strerror(errno));
  return kFailed;
}

}  // namespace

Result<Arguments> validator_arguments(const plugins::Manifest& manifest,
                                      std::span<const std::string> given) {
  std::vector<GivenOption> options;
  for (const auto& text : given) options.push_back(given_option(manifest, text));
  const auto taken = plugins::take_options(manifest, options);
  if (!taken) return std::unexpected(taken.error());
  Arguments out{"--id", manifest.id, "--version", manifest.version};
  for (const auto& [name, value] : *taken) {
    out.insert(out.end(), {"--option", fmt::format("{}={}", name, value)});
  }
  return out;
}

int plugin_validate(const Arguments& words, Streams streams) {
  options_description options;
  const auto many = [] { return value<Texts>()->composing(); };
  options.add_options()("library", value<std::string>())("option", many())("json", "")(
      "model", many())("request", many())("only", many())("seed", many());
  positional_options_description positional;
  positional.add("library", 1);
  const auto parsed = parse_options(words, options, positional);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  if (!parsed->count("library")) return bad_usage(kVerb, "which library?", streams);

  const std::string library = Machine().absolute((*parsed)["library"].as<std::string>());
  const auto manifest = manifest_beside(library);
  if (!manifest) return bad_usage(kVerb, manifest.error().message, streams);
  Arguments out{library};
  if (*manifest) {
    const auto given = parsed->count("option") ? (*parsed)["option"].as<Texts>() : Texts();
    auto of_manifest = validator_arguments(**manifest, given);
    if (!of_manifest) return bad_usage(kVerb, of_manifest.error().message, streams);
    out.insert(out.end(), of_manifest->begin(), of_manifest->end());
  } else {
    pass_on(*parsed, "option", out);
  }
  for (const char* name : {"model", "request", "only", "seed"}) pass_on(*parsed, name, out);
  if (parsed->count("json")) out.push_back("--json");
  return become(program_folder() + "/tenon-validate", out, streams);
}

}  // namespace tenon::cli
