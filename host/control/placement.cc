#include "host/control/placement.h"

#include <algorithm>
#include <span>

#include "host/policy/combination.h"

namespace tenon::control {
namespace {

bool regulates_places(const policy::Level& level) {
  return std::ranges::any_of(
      level.policies, [](const Policy* policy) { return policy->type == PolicyType::kLocation; });
}

}  // namespace

Result<std::vector<Flavor>> allowed_here(const Snapshot& snapshot, const Entry& deployment,
                                         const std::string& location, const Flavor& cpu) {
  const ResourceKey& key = deployment.key();
  const auto& spec = std::get<DeploymentSpec>(deployment.draft.spec);
  const auto find = [&snapshot](const ResourceKey& wanted) {
    const Entry* entry = snapshot.find(wanted);
    return entry ? &entry->draft : nullptr;
  };
  const ResourceKey in = environment_of(key);
  const Draft* environment = find(in);
  const policy::Level outer{
      to_string(in), named_policies(find, key.workspace,
                                    environment ? std::get<Environment>(environment->spec).policies
                                                : std::vector<std::string>())};
  const policy::Level own{to_string(key), named_policies(find, key.workspace, spec.policies)};
  const Entry* here = snapshot.find({Kind::kLocation, "", location, ""});
  if (!here && (regulates_places(outer) || regulates_places(own))) {
    return fail(Code::kPrecondition,
                "policies rule its places, and [host] 'location' names no [[location]] for this "
                "host");
  }
  const Location place = here ? std::get<Location>(here->draft.spec) : Location{};
  std::vector<Flavor> listed;
  for (const std::string& name : spec.flavors) {
    if (auto flavor = parse_flavor(name)) listed.push_back(*std::move(flavor));
  }
  return policy::allowed_at(outer, own, place, listed.empty() ? std::span(&cpu, 1) : listed);
}

}  // namespace tenon::control
