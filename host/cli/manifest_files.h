#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/config/node.h"
#include "host/domain/error.h"
#include "host/domain/resource.h"

// Manifests as the verbs read them: by themselves right, not yet held against a host.
namespace tenon::cli {

struct ManifestResource {
  ResourceKey key;  // its workspace is "" where the file names none
  config::Node table;
  std::string file;  // as it is shown

  boost::json::object spec() const;
};

struct ManifestFile {
  std::string path;  // as it is shown
  std::vector<ManifestResource> resources;

  // A line of a host's answer that begins with "resources[2].spec.scale.minReplicas: " begins with
  // "FILE:LINE:COLUMN: scale.minReplicas: " here; any other line with "FILE: ".
  std::string placed(std::string_view line) const;
};

// All resources of these, one after another.
ManifestFile joined(const std::vector<ManifestFile>&);

// The value of a variable of the environment; nothing when it is not set.
using Variables = std::function<std::optional<std::string>(std::string_view)>;
std::optional<std::string> environment_variable(std::string_view name);

// Files as they are, "-" as standard input, of folders the files that end in .toml by name, with
// those of the folders below when asked.
Result<std::vector<std::string>> manifest_paths(const std::vector<std::string>& given,
                                                bool recursive);

// Its strings may hold ${NAME} ("$${" stands for "${"). The error has one line for each mistake.
Result<ManifestFile> read_manifest(std::string_view text, const std::string& path,
                                   const Variables&);

// All of what -f names; "-" is read from standard input.
Result<std::vector<ManifestFile>> read_manifests(const std::vector<std::string>& given,
                                                 bool recursive);

}  // namespace tenon::cli
