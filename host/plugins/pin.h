#pragma once

#include <span>
#include <string>

#include "host/domain/error.h"
#include "host/domain/host_spec.h"
#include "host/plugins/manifest.h"

namespace tenon::plugins {

// The SHA-256 of a file's content, as sha256sum prints it.
Result<std::string> sha256_of(const std::string& path);

// Holds a library against the digest that is pinned; what then is its file_identity(), by which it
// can be known again without reading it. Empty: it is not pinned.
Result<std::string> check_pin(const std::string& library, const PluginGrant&);

// Holds every library against the digest that its [[plugin]] table pins, if any.
Result<void> check_pins(std::span<const Manifest>, std::span<const PluginGrant>);

}  // namespace tenon::plugins
