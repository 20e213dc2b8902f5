#include "host/cli/wanted.h"

#include "host/control/placement.h"
#include "host/control/token_budgets.h"
#include "host/telemetry/log.h"

namespace tenon::cli {

namespace {

// The spec stays the catalog's own.
Result<lifecycle::Blueprint> blueprint_of(const std::shared_ptr<const control::Entry>& entry,
                                          Blueprints& blueprints) {
  return blueprints.of({entry, &std::get<DeploymentSpec>(entry->draft.spec)});
}

// A revision is held against the policies that it names itself.
lifecycle::Terms terms_of(const control::Entry& revision, bool enabled,
                          const control::Snapshot& snapshot, const Here& here) {
  lifecycle::Terms out;
  out.enabled = enabled;
  auto allowed = control::allowed_here(snapshot, revision, here.location, here.cpu);
  if (!allowed) {
    out.forbidden = std::move(allowed.error().message);
  } else if (allowed->size() < std::get<DeploymentSpec>(revision.draft.spec).flavors.size()) {
    auto& names = out.allowed_flavors.emplace();
    for (const Flavor& flavor : *allowed) names.push_back(to_string(flavor));
  }
  return out;
}

void take_past(lifecycle::Wanted& each, const control::Entry& revision,
               const control::ServedRevisions& past, Blueprints& blueprints) {
  each.proven = past.served(revision);
  const auto earlier = past.earlier_than(revision);
  if (!earlier) return;
  if (auto blueprint = blueprint_of(earlier, blueprints)) {
    each.earlier = lifecycle::WantedEarlier{*std::move(blueprint), earlier->revision};
  }
}

}  // namespace

std::vector<lifecycle::Wanted> wanted(const control::Snapshot& snapshot, Blueprints& blueprints,
                                      const Here& here, metering::TokenPools& pools,
                                      const control::ServedRevisions* past) {
  std::vector<lifecycle::Wanted> out;
  for (const auto& entry : snapshot.of(Kind::kDeployment, "")) {
    const auto cannot = [&](const Error& error) {
      log::warn("deployment cannot be served",
                {{"deployment", to_string(deployment_key(entry->key()))}, {"why", error.message}});
    };
    const auto& spec = std::get<DeploymentSpec>(entry->draft.spec);
    // Beside a canary the stable revision is what the deployment is.
    const auto& main = entry->stable ? entry->stable : entry;
    auto blueprint = blueprint_of(main, blueprints);
    if (!blueprint) {
      cannot(blueprint.error());
      continue;
    }
    lifecycle::Wanted& each = out.emplace_back(*std::move(blueprint), main->revision);
    if (past) take_past(each, *main, *past, blueprints);
    each.terms = terms_of(*main, spec.enabled, snapshot, here);
    if (entry->stable) {
      if (auto canary = blueprint_of(entry, blueprints)) {
        each.canary =
            lifecycle::WantedCanary{*std::move(canary), entry->revision, spec.canary->weight,
                                    terms_of(*entry, spec.enabled, snapshot, here)};
      } else {
        cannot(canary.error());
      }
    }
    each.budget = control::token_budget(snapshot, *entry, pools);
  }
  return out;
}

}  // namespace tenon::cli
