#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/domain/error.h"
#include "host/domain/option_value.h"
#include "host/plugins/manifest.h"

namespace tenon::plugins {

using Options = std::vector<std::pair<std::string, std::string>>;

// What is wrong with a value for this option, or nothing.
std::optional<std::string> fault(const OptionSpec&, ValueType, std::string_view text);

// The options of a deployment whose plugin this is: those given, checked, and the defaults of the
// others, in the manifest's order. The error is the first thing that is wrong.
Result<Options> take_options(const Manifest&, std::span<const GivenOption>);

}  // namespace tenon::plugins
