#include "host/cli/convert.h"

#include <boost/json/object.hpp>

#include "host/cli/machine.h"
#include "host/cli/manifest_files.h"
#include "host/cli/output.h"
#include "host/config/json_nodes.h"

namespace tenon::cli {

int convert(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "convert";
  options_description options;
  add_conversion_options(options);
  options.add_options()("output,o", value<std::string>()->default_value("toml"))(
      "file", value<std::string>());
  positional_options_description positional;
  positional.add("file", 1);
  const auto parsed = parse_options(words, options, positional);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  if (!parsed->count("file")) return bad_usage(kVerb, "which file? '-' is standard input", streams);
  const auto form = output_form(*parsed);
  if (!form) return bad_usage(kVerb, form.error().message, streams);
  if (*form == Form::kTable)
    return bad_usage(kVerb, "--output must be toml, json or yaml", streams);

  const std::string path = (*parsed)["file"].as<std::string>();
  const auto text = read_file_or_input(path);
  const auto tree = text ? read_tree(*text, path == "-" ? std::string(kStandardInput) : path,
                                     conversion_options(*parsed))
                         : std::unexpected(text.error());
  if (!tree) {
    streams.err << tree.error().message << "\n";
    return kBadUsage;
  }
  streams.err << tree->notes;
  streams.out << in_form(*form, config::json_of(tree->root));
  return kOk;
}

}  // namespace tenon::cli
