#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "host/domain/deployment.h"
#include "host/domain/environment.h"
#include "host/domain/location.h"
#include "host/domain/policy.h"
#include "host/domain/resource.h"

namespace tenon {

// A team's room: every other resource but locations lies in one.
struct Workspace {
  std::string name;
  bool operator==(const Workspace&) const = default;
};

// What people call a resource and sort it by.
struct Naming {
  std::string display_name;
  std::vector<std::pair<std::string, std::string>> labels;
  bool operator==(const Naming&) const = default;
};

// A resource as someone wants it to be: right by itself, not yet held against the others.
struct Draft {
  ResourceKey key;
  Naming naming;
  std::variant<Workspace, Location, Environment, Policy, DeploymentSpec> spec;
  bool operator==(const Draft&) const = default;
};

}  // namespace tenon
