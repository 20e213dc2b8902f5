#include "host/cli/wanted.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "host/control/placement.h"
#include "host/control/token_budgets.h"
#include "host/plugins/option_check.h"
#include "host/telemetry/log.h"

namespace tenon::cli {
namespace {

class Plugins {
 public:
  explicit Plugins(const control::Known& known) : known_(known) {
    for (const auto& manifest : known.plugins) {
      by_name_.emplace(manifest.id, std::make_shared<const plugins::Manifest>(manifest));
    }
  }

  Result<lifecycle::Wanted> serve(DeploymentSpec spec) const {
    const auto named = by_name_.find(spec.runtime);
    if (named == by_name_.end()) {
      return fail(Code::kPrecondition,
                  fmt::format("its runtime '{}' is not installed", spec.runtime));
    }
    auto options = plugins::take_options(*named->second, spec.given);
    if (!options) return std::unexpected(options.error());
    spec.options = *std::move(options);
    PluginGrant grant;
    grant.name = spec.runtime;
    const auto given = std::ranges::find(known_.grants, spec.runtime, &PluginGrant::name);
    if (given != known_.grants.end()) grant = *given;
    return lifecycle::Wanted{
        .spec = std::move(spec), .plugin = named->second, .grant = std::move(grant)};
  }

 private:
  const control::Known& known_;
  std::map<std::string_view, std::shared_ptr<const plugins::Manifest>> by_name_;
};

}  // namespace

std::vector<lifecycle::Wanted> wanted(const control::Snapshot& snapshot,
                                      const control::Known& known, const std::string& location,
                                      metering::TokenPools& pools) {
  const Plugins plugins(known);
  std::vector<lifecycle::Wanted> out;
  snapshot.each(Kind::kDeployment, "", [&](const control::Entry& entry) {
    const auto& spec = std::get<DeploymentSpec>(entry.draft.spec);
    auto each = plugins.serve(spec);
    if (!each) {
      return log::warn("deployment cannot be served",
                       {{"deployment", to_string(spec.key)}, {"why", each.error().message}});
    }
    each->revision = entry.revision;
    each->terms.enabled = spec.enabled;
    if (auto here = control::check_here(snapshot, entry, location); !here) {
      each->terms.forbidden = std::move(here.error().message);
    }
    each->budget = control::token_budget(snapshot, entry, pools);
    out.push_back(*std::move(each));
  });
  return out;
}

}  // namespace tenon::cli
