#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "host/config/node.h"
#include "host/config/problems.h"

namespace tenon::config {

// The documents of a YAML text (or of JSON, which is YAML too) as trees; nothing when it is none:
// the problem is noted. Plain words are what YAML 1.2 says: `yes` is a text. A key that comes
// twice, an alias within what it names, tags and merge keys are refused, and so is what is deeper
// or larger than any manifest.
std::optional<std::vector<Node>> parse_yaml(std::string_view text, Problems&);

}  // namespace tenon::config
