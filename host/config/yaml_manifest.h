#pragma once

#include <optional>
#include <string_view>

#include "host/config/node.h"
#include "host/config/problems.h"
#include "host/config/published.h"

namespace tenon::config {

// A manifest in YAML or JSON as the table that it would be in TOML: what `tenon get` prints
// ({"kind", "spec"} each, one after another, in an array or under "items"), the tables themselves
// ("deployment": […]), or documents of the published form. Nothing when it is none of these.
struct YamlManifest {
  Node root;
  unsigned published = 0;  // documents that were of that form
};
std::optional<YamlManifest> read_yaml_manifest(std::string_view text, const PublishedOptions&,
                                               Problems& errors, Problems& warnings);

}  // namespace tenon::config
