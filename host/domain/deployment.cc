#include "host/domain/deployment.h"

#include <algorithm>
#include <array>

namespace tenon {
namespace {

constexpr std::size_t kLongestName = 63;
constexpr std::array<std::string_view, 7> kReservedWorkspaces = {
    "v0", "v1", "v2", "healthz", "readyz", "metrics", "console"};

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string to_string(const DeploymentKey& key) {
  return key.workspace + "/" + key.model + "@" + key.environment;
}

DeploymentSpec revision_of(DeploymentSpec spec) {
  spec.enabled = true;
  spec.canary.reset();
  return spec;
}

bool is_valid_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && is_alphanumeric(name.front()) &&
         is_alphanumeric(name.back()) &&
         std::ranges::all_of(name, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_reserved_workspace(std::string_view name) {
  return std::ranges::find(kReservedWorkspaces, name) != kReservedWorkspaces.end();
}

}  // namespace tenon
