#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/cli/command.h"
#include "host/domain/error.h"
#include "host/plugins/manifest.h"

namespace tenon::cli {

// `tenon plugin validate X.so`: becomes tenon-validate, told what the manifest says.
int plugin_validate(const Arguments&, Streams);

// What tenon-validate is given of a manifest: id, version and its options, "NAME=VALUE" ones of the
// command line before defaults.
Result<Arguments> validator_arguments(const plugins::Manifest&, std::span<const std::string> given);

}  // namespace tenon::cli
