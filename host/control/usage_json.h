#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "host/store/records.h"

// Usage in the answers of the API.
namespace tenon::control {

enum class UsageBy : std::uint8_t { kDeployment, kRevision, kFlavor, kEnvironment };
inline constexpr std::string_view kUsageBy = "deployment, revision, flavor or environment";
std::optional<UsageBy> usage_by(std::string_view);

// {"items": […], "total": {…}}: one item for each deployment, revision (of a deployment), flavor or
// environment, in their order. All uses are of one workspace.
boost::json::object usage_json(std::span<const store::Use>, UsageBy);

}  // namespace tenon::control
