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

std::vector<BudgetLimit> limits_of(const metering::TokenPools::Reading& reading) {
  using enum policy::TokenLimit;
  const auto [input, output] = reading.state.spent;
  std::vector<BudgetLimit> out{
      {kInput, 0, input}, {kOutput, 0, output}, {kTotal, 0, input + output}};
  for (BudgetLimit& each : out) each.limit = policy::limit_of(reading.limits, each.tokens);
  std::erase_if(out, [](const BudgetLimit& each) { return each.limit == 0; });
  return out;
}

std::vector<metering::TokenPools::Reading> budgets_of(const ResourceKey& key,
                                                      const metering::TokenPools& pools,
                                                      metering::sys_seconds now) {
  const ResourceKey shared = environment_of(key);
  return pools.readings(now, [&](const ResourceKey& owner, const std::string& policy) {
    switch (key.kind) {
      case Kind::kDeployment:
        return owner == key || owner == shared;
      case Kind::kEnvironment:
        return owner == key;
      case Kind::kPolicy:
        return owner.workspace == key.workspace && policy == key.name;
      case Kind::kWorkspace:
      case Kind::kLocation:
        break;
    }
    return false;
  });
}

}  // namespace tenon::control
