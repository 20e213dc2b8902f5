#include "host/cli/wanted.h"

#include "host/control/placement.h"
#include "host/control/token_budgets.h"
#include "host/telemetry/log.h"

namespace tenon::cli {

std::vector<lifecycle::Wanted> wanted(const control::Snapshot& snapshot, Blueprints& blueprints,
                                      const std::string& location, metering::TokenPools& pools) {
  std::vector<lifecycle::Wanted> out;
  for (const auto& entry : snapshot.of(Kind::kDeployment, "")) {
    const auto& spec = std::get<DeploymentSpec>(entry->draft.spec);
    auto blueprint = blueprints.of({entry, &spec});  // the catalog's own
    if (!blueprint) {
      log::warn("deployment cannot be served",
                {{"deployment", to_string(spec.key)}, {"why", blueprint.error().message}});
      continue;
    }
    lifecycle::Wanted& each = out.emplace_back(*std::move(blueprint), entry->revision);
    each.terms.enabled = spec.enabled;
    if (auto here = control::check_here(snapshot, *entry, location); !here) {
      each.terms.forbidden = std::move(here.error().message);
    }
    each.budget = control::token_budget(snapshot, *entry, pools);
  }
  return out;
}

}  // namespace tenon::cli
