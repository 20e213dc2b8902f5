#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/cli/manifest_watch.h"
#include "host/config/manifest.h"
#include "host/domain/host_spec.h"
#include "host/plugins/manifest.h"

namespace tenon::cli {

// Resources that one file holds; they come into force together or not at all.
struct ResourceFile {
  std::string path;  // absolute
  std::vector<Draft> resources;
};

// A configuration file as it was read, with the plugins that it was checked against.
struct Loaded {
  Config config;
  std::vector<plugins::Manifest> plugins;
  std::vector<ResourceFile> files;  // this one first, then those of [host] manifests
  ManifestSource::Files stamps;     // of these, from before they were read
};

// The error is what an operator is shown: one line for each mistake.
Result<Loaded> load(const std::string& path);

// The resources of a manifest's text, held against a host's plugins. The error likewise.
Result<std::vector<Draft>> resources_in(std::string_view text, const std::string& path,
                                        const config::ResourceContext&);

}  // namespace tenon::cli
