#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "host/domain/error.h"
#include "host/domain/flavor.h"
#include "host/domain/location.h"
#include "host/domain/policy.h"

// Where a deployment may be placed, and on what: policies of one type on the same resource are
// alternatives (union), types hold at once, and a deployment's policies only narrow what its
// environment's allow (intersection).
namespace tenon::policy {

// One resource that carries policies: an environment, or a deployment.
struct Level {
  std::string owner;                    // in messages: "environment production"
  std::vector<const Policy*> policies;  // of any type, in any order; those of maxToken say nothing
                                        // about places
};

// A registered location.
struct Site {
  Location location;
  // What it offers; absent while nobody can tell, which rules nothing out.
  std::optional<std::vector<Flavor>> flavors;

  bool operator==(const Site&) const = default;
};

// What is allowed, all parts at once.
struct Effective {
  std::optional<std::set<std::string>> locations;  // names; absent: anywhere, later sites included
  std::optional<std::set<Flavor>> flavors;         // absent: every flavor of `type`
  std::optional<FlavorType> type;                  // absent: CPU and GPU alike

  bool operator==(const Effective&) const = default;
};

bool allows(const Effective&, const Location&, const Flavor&);

// What the policies allow, resolved to physical locations first. Without a deployment, its level is
// empty. An error when nothing is left: no location, no flavor, or no allowed location that offers
// an allowed flavor; its message names both sets and the policies that they come from.
Result<Effective> combine(const Level& environment, const Level& deployment, std::span<const Site>);

// The same for a deployment with the flavors that it lists: of them, those that the policies allow;
// with none listed, CPU flavors. An error also for CPU and GPU flavors in one list.
Result<Effective> combine_for(const Level& environment, const Level& deployment,
                              std::span<const Flavor> listed, std::span<const Site>);

// For whoever writes a deployment: each flavor that it lists must be allowed. (An environment that
// is narrowed later takes flavors away from its deployments without making them invalid, as long as
// combine_for() still finds one.)
Result<void> check_listed(const Level& environment, const Level& deployment,
                          std::span<const Flavor> listed);

// Whether the policies as they are now allow this very place; the error names those that do not.
Result<void> check_placement(const Level& environment, const Level& deployment, const Location&,
                             const Flavor&);
// Those of these flavors that they allow there; the error, when there are none, is the first one's.
Result<std::vector<Flavor>> allowed_at(const Level& environment, const Level& deployment,
                                       const Location&, std::span<const Flavor>);

}  // namespace tenon::policy
