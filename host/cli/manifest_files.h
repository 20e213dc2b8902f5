#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/cli/options.h"
#include "host/config/node.h"
#include "host/config/published.h"
#include "host/domain/error.h"
#include "host/domain/resource.h"

// Manifests as the verbs read them: by themselves right, not yet held against a host.
namespace tenon::cli {

inline constexpr std::string_view kStandardInput = "(standard input)";

struct ManifestResource {
  ResourceKey key;  // its workspace is "" where the file names none
  config::Node table;
  std::string file;  // as it is shown

  boost::json::object spec() const;
};

struct ManifestFile {
  std::string path;  // as it is shown
  std::vector<ManifestResource> resources;
  std::string notes = {};  // lines for whoever wrote it: what was converted, and what was left out

  // A line of a host's answer that begins with "resources[2].spec.scale.minReplicas: " begins with
  // "FILE:LINE:COLUMN: scale.minReplicas: " here; any other line with "FILE: ".
  std::string placed(std::string_view line) const;
};

// All resources of these, one after another.
ManifestFile joined(const std::vector<ManifestFile>&);

// The value of a variable of the environment; nothing when it is not set.
using Variables = std::function<std::optional<std::string>(std::string_view)>;
std::optional<std::string> environment_variable(std::string_view name);

// --runtime, --models and --lossy: how the published form is converted.
void add_conversion_options(options_description&);
config::PublishedOptions conversion_options(const variables_map&);

// Files as they are, "-" as standard input, of folders the files that end in .toml, .yaml or .yml
// by name, with those of the folders below when asked.
Result<std::vector<std::string>> manifest_paths(const std::vector<std::string>& given,
                                                bool recursive);

// What a text holds, in TOML or in YAML (JSON is YAML): by its name or, without one, by its looks.
// The error has one line for each mistake.
struct ManifestTree {
  config::Node root;
  std::string notes;
};
Result<ManifestTree> read_tree(std::string_view text, const std::string& path,
                               const config::PublishedOptions& = {});

// The resources of a text. Its strings may hold ${NAME} ("$${" stands for "${").
Result<ManifestFile> read_manifest(std::string_view text, const std::string& path, const Variables&,
                                   const config::PublishedOptions& = {});

// All of what -f names; "-" is read from standard input.
Result<std::vector<ManifestFile>> read_manifests(const std::vector<std::string>& given,
                                                 bool recursive,
                                                 const config::PublishedOptions& = {});

}  // namespace tenon::cli
