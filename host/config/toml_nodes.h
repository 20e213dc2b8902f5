#pragma once

#include <optional>
#include <string_view>

#include "host/config/node.h"
#include "host/config/problems.h"

namespace tenon::config {

// A text as a tree; nothing when it is no TOML: the problem is noted.
std::optional<Node> parse_toml(std::string_view text, Problems&);

}  // namespace tenon::config
