#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/error.h"
#include "host/plugins/manifest.h"

namespace tenon::plugins {

inline constexpr std::string_view kManifestName = "tenon-plugin.toml";

// A manifest, or all that is wrong with it as "FILE:LINE:COLUMN: message" lines. `file` is the
// manifest's absolute path; the library lies beside it.
Result<Manifest> read_manifest(std::string_view text, const std::string& file);

// The plugins in these absolute folders, sorted by id: a folder that holds a manifest, or folders
// below it that do. Opens no library. A manifest with a mistake, a library that is not there and
// two plugins of one id are errors, all of them in one message.
Result<std::vector<Manifest>> scan(std::span<const std::string> folders);

}  // namespace tenon::plugins
