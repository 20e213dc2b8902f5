#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "host/domain/deployment.h"

// What the control plane keeps, whatever it is.
namespace tenon {

enum class Kind : std::uint8_t {
  kWorkspace,  // of the host as a whole, as a location is: their workspace is ""
  kLocation,
  kEnvironment,
  kPolicy,
  kDeployment,
};
std::string_view to_string(Kind);  // "deployment"

struct ResourceKey {
  Kind kind = Kind::kDeployment;
  std::string workspace;
  std::string name;         // of a deployment: its model's; a model is the deployments of its name
  std::string environment;  // of a deployment, else ""

  auto operator<=>(const ResourceKey&) const = default;
};
// Of a deployment's key: its environment, and its name where it runs.
ResourceKey environment_of(const ResourceKey& deployment);
DeploymentKey deployment_key(const ResourceKey& deployment);
std::string to_string(const ResourceKey&);  // "deployment default/minilm@production"

// One resource as it is stored. `version` grows by one with each change of the store as a whole, so
// it orders changes and names a state: who read version 7 may change it only while it is 7.
struct Resource {
  ResourceKey key;
  std::uint64_t version = 0;
  std::string managed_by;  // "api", or "file:PATH" of the manifest that holds it
  std::string created_by, updated_by;
  std::chrono::system_clock::time_point created_at{}, updated_at{};
  std::string document;  // the spec as JSON, in the names that manifests use

  bool operator==(const Resource&) const = default;
};

}  // namespace tenon
