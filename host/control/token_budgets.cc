#include "host/control/token_budgets.h"

#include "host/control/placement.h"

namespace tenon::control {

metering::TokenBudget token_budget(const Snapshot& snapshot, const Entry& deployment,
                                   metering::TokenPools& pools) {
  const ResourceKey& key = deployment.key();
  const auto find = [&snapshot](const ResourceKey& wanted) {
    const Entry* entry = snapshot.find(wanted);
    return entry ? &entry->draft : nullptr;
  };
  std::vector<std::shared_ptr<metering::TokenPool>> out;
  const auto add = [&](const ResourceKey& owner, const std::vector<std::string>& names) {
    for (const Policy* policy : named_policies(find, key.workspace, names)) {
      if (policy->type == PolicyType::kMaxToken) out.push_back(pools.pool(owner, *policy));
    }
  };
  const ResourceKey in = environment_of(key);
  if (const Draft* environment = find(in)) {
    add(in, std::get<Environment>(environment->spec).policies);
  }
  add(key, std::get<DeploymentSpec>(deployment.draft.spec).policies);
  return metering::TokenBudget(std::move(out));
}

}  // namespace tenon::control
