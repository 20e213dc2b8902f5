#include "host/control/placement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "host/policy/combination.h"

namespace tenon::control {
namespace {

constexpr std::string_view kCpu = "x86";

bool regulates_places(const policy::Level& level) {
  return std::ranges::any_of(
      level.policies, [](const Policy* policy) { return policy->type == PolicyType::kLocation; });
}

}  // namespace

Result<void> check_here(const Snapshot& snapshot, const Entry& deployment,
                        const std::string& location) {
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
  const Flavor cpu{FlavorType::kCpu, std::string(kCpu)};
  if (!spec.flavors.empty() &&
      std::ranges::find(spec.flavors, to_string(cpu)) == spec.flavors.end()) {
    return fail(Code::kPrecondition, fmt::format("it asks for {}, and this host offers {}",
                                                 fmt::join(spec.flavors, ", "), to_string(cpu)));
  }
  const Entry* here = snapshot.find({Kind::kLocation, "", location, ""});
  if (!here && (regulates_places(outer) || regulates_places(own))) {
    return fail(Code::kPrecondition,
                "policies rule its places, and [host] 'location' names no [[location]] for this "
                "host");
  }
  const Location place = here ? std::get<Location>(here->draft.spec) : Location{};
  return policy::check_placement(outer, own, place, cpu);
}

}  // namespace tenon::control
