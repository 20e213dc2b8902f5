#include "host/domain/resource.h"

#include <fmt/format.h>

namespace tenon {

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kWorkspace:
      return "workspace";
    case Kind::kLocation:
      return "location";
    case Kind::kEnvironment:
      return "environment";
    case Kind::kPolicy:
      return "policy";
    case Kind::kDeployment:
      return "deployment";
  }
  return "deployment";
}

ResourceKey environment_of(const ResourceKey& deployment) {
  return {Kind::kEnvironment, deployment.workspace, deployment.environment, ""};
}

DeploymentKey deployment_key(const ResourceKey& deployment) {
  return {deployment.workspace, deployment.name, deployment.environment};
}

std::string to_string(const ResourceKey& key) {
  if (key.workspace.empty()) return fmt::format("{} {}", to_string(key.kind), key.name);
  const std::string at = key.environment.empty() ? "" : "@" + key.environment;
  return fmt::format("{} {}/{}{}", to_string(key.kind), key.workspace, key.name, at);
}

}  // namespace tenon
