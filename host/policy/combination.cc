#include "host/policy/combination.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "host/policy/words.h"

namespace tenon::policy {
namespace {

template <class Option>
using Options = std::optional<std::set<Option>>;  // absent: every one

bool has_no_options(const Policy& policy) {
  return policy.type == PolicyType::kLocation ? policy.locations.empty() : policy.flavors.empty();
}

// Whether a level says anything about this aspect: a policy that lists no options allows them all.
bool regulates(const Level& level, PolicyType type) {
  bool found = false;
  for (const Policy* policy : level.policies) {
    if (policy->type != type) continue;
    if (has_no_options(*policy)) return false;
    found = true;
  }
  return found;
}

bool allows_location(const Level& level, const Location& location) {
  return !regulates(level, PolicyType::kLocation) ||
         std::ranges::any_of(level.policies, [&](const Policy* policy) {
           return policy->type == PolicyType::kLocation &&
                  std::ranges::any_of(policy->locations, [&](const LocationRef& ref) {
                    return covers(ref, location);
                  });
         });
}

Options<std::string> locations_of(const Level& level, std::span<const Site> sites) {
  if (!regulates(level, PolicyType::kLocation)) return {};
  std::set<std::string> names;
  for (const Site& site : sites) {
    if (allows_location(level, site.location)) names.insert(site.location.name);
  }
  return names;
}

Options<Flavor> flavors_of(const Level& level) {
  if (!regulates(level, PolicyType::kFlavor)) return {};
  std::set<Flavor> flavors;
  for (const Policy* policy : level.policies) {
    if (policy->type == PolicyType::kFlavor) {
      flavors.insert(policy->flavors.begin(), policy->flavors.end());
    }
  }
  return flavors;
}

template <class Option>
Options<Option> intersection(const Options<Option>& a, const Options<Option>& b) {
  if (!a) return b;
  if (!b) return a;
  std::set<Option> both;
  std::ranges::set_intersection(*a, *b, std::inserter(both, both.end()));
  return both;
}

Error nothing(std::string message) {
  return {Code::kInvalid, std::move(message)};
}

Result<Options<std::string>> combine_locations(const Level& environment, const Level& deployment,
                                               std::span<const Site> sites) {
  const auto e = locations_of(environment, sites);
  const auto d = locations_of(deployment, sites);
  auto both = intersection(e, d);
  if (!both || !both->empty()) return both;
  for (const auto& [level, names] : {std::pair(&environment, &e), std::pair(&deployment, &d)}) {
    if (*names && (*names)->empty()) {
      return std::unexpected(
          nothing(fmt::format("{}, but no location is registered there; {}",
                              allowed_by(*level, PolicyType::kLocation), registered(sites))));
    }
  }
  return std::unexpected(
      nothing(fmt::format("no location is allowed by both: {}, that is {}; {}, that is {}",
                          allowed_by(environment, PolicyType::kLocation), enumerate(*e),
                          allowed_by(deployment, PolicyType::kLocation), enumerate(*d))));
}

Result<Options<Flavor>> combine_flavors(const Level& environment, const Level& deployment) {
  auto both = intersection(flavors_of(environment), flavors_of(deployment));
  if (!both || !both->empty()) return both;
  return std::unexpected(nothing(fmt::format("no flavor is allowed by both: {}; {}",
                                             allowed_by(environment, PolicyType::kFlavor),
                                             allowed_by(deployment, PolicyType::kFlavor))));
}

// Whether the types hold at once anywhere.
Result<void> check_offered(const Effective& effective, const Level& environment,
                           const Level& deployment, std::span<const Site> sites) {
  if (sites.empty() || (!effective.locations && !effective.flavors && !effective.type)) return {};
  for (const Site& site : sites) {
    if (effective.locations && !effective.locations->contains(site.location.name)) continue;
    if (!site.flavors) return {};
    for (const Flavor& flavor : *site.flavors) {
      if (allows(effective, site.location, flavor)) return {};
    }
  }
  return std::unexpected(
      nothing(fmt::format("no allowed location offers {}: {}; {}", words_of(effective),
                          allowed_by(environment, deployment), offered(sites, effective))));
}

Result<FlavorType> type_of(std::span<const Flavor> listed) {
  const Flavor* cpu = nullptr;
  const Flavor* gpu = nullptr;
  for (const Flavor& flavor : listed) (flavor.type == FlavorType::kCpu ? cpu : gpu) = &flavor;
  if (cpu && gpu) {
    return fail(Code::kInvalid,
                fmt::format("flavors {} and {} are in one list: expected only CPU flavors or only "
                            "GPU flavors",
                            to_string(*cpu), to_string(*gpu)));
  }
  return gpu ? FlavorType::kGpu : FlavorType::kCpu;
}

// Those of `allowed` that a deployment runs on by its own list.
Options<Flavor> narrowed(const Options<Flavor>& allowed, FlavorType type,
                         std::span<const Flavor> listed) {
  if (!listed.empty()) {
    return intersection(allowed, Options<Flavor>(std::set(listed.begin(), listed.end())));
  }
  if (!allowed) return {};
  std::set<Flavor> kept;
  std::ranges::copy_if(*allowed, std::inserter(kept, kept.end()),
                       [&](const Flavor& flavor) { return flavor.type == type; });
  return kept;
}

}  // namespace

bool allows(const Effective& effective, const Location& location, const Flavor& flavor) {
  return (!effective.locations || effective.locations->contains(location.name)) &&
         (!effective.flavors || effective.flavors->contains(flavor)) &&
         (!effective.type || *effective.type == flavor.type);
}

Result<Effective> combine(const Level& environment, const Level& deployment,
                          std::span<const Site> sites) {
  auto locations = combine_locations(environment, deployment, sites);
  if (!locations) return std::unexpected(locations.error());
  auto flavors = combine_flavors(environment, deployment);
  if (!flavors) return std::unexpected(flavors.error());
  Effective effective{std::move(*locations), std::move(*flavors), {}};
  if (auto ok = check_offered(effective, environment, deployment, sites); !ok) {
    return std::unexpected(ok.error());
  }
  return effective;
}

Result<Effective> combine_for(const Level& environment, const Level& deployment,
                              std::span<const Flavor> listed, std::span<const Site> sites) {
  const auto type = type_of(listed);
  if (!type) return std::unexpected(type.error());
  auto effective = combine(environment, deployment, sites);
  if (!effective) return effective;
  auto flavors = narrowed(effective->flavors, *type, listed);
  if (flavors && flavors->empty()) {
    const std::string wanted = listed.empty() ? "no flavor, which means CPU"
                                              : enumerate(std::set(listed.begin(), listed.end()));
    return std::unexpected(nothing(fmt::format(
        "{} lists {}, but the flavors allowed are {}: {}", deployment.owner, wanted,
        enumerate(*effective->flavors), allowed_by(environment, deployment, PolicyType::kFlavor))));
  }
  effective->flavors = std::move(flavors);
  effective->type = *type;
  if (auto ok = check_offered(*effective, environment, deployment, sites); !ok) {
    return std::unexpected(ok.error());
  }
  return effective;
}

Result<void> check_listed(const Level& environment, const Level& deployment,
                          std::span<const Flavor> listed) {
  for (const Level* level : {&environment, &deployment}) {
    const auto allowed = flavors_of(*level);
    if (!allowed) continue;
    for (const Flavor& flavor : listed) {
      if (!allowed->contains(flavor)) {
        return fail(Code::kInvalid, fmt::format("flavor {} is not allowed: {}", to_string(flavor),
                                                allowed_by(*level, PolicyType::kFlavor)));
      }
    }
  }
  return {};
}

Result<void> check_placement(const Level& environment, const Level& deployment,
                             const Location& location, const Flavor& flavor) {
  for (const Level* level : {&environment, &deployment}) {
    if (!allows_location(*level, location)) {
      return fail(Code::kPrecondition,
                  fmt::format("location {} is not allowed: {}", to_string(location),
                              allowed_by(*level, PolicyType::kLocation)));
    }
  }
  const Flavor flavors[] = {flavor};
  if (auto ok = check_listed(environment, deployment, flavors); !ok) {
    return fail(Code::kPrecondition, ok.error().message);
  }
  return {};
}

Result<std::vector<Flavor>> allowed_at(const Level& environment, const Level& deployment,
                                       const Location& location, std::span<const Flavor> flavors) {
  std::vector<Flavor> out;
  std::optional<Error> first;
  for (const Flavor& flavor : flavors) {
    auto allowed = check_placement(environment, deployment, location, flavor);
    if (allowed) {
      out.push_back(flavor);
    } else if (!first) {
      first = std::move(allowed.error());
    }
  }
  if (out.empty() && first) return std::unexpected(*std::move(first));
  return out;
}

}  // namespace tenon::policy
