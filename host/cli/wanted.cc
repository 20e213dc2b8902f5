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
  explicit Plugins(const control::Known& known) {
    for (const auto& manifest : known.plugins) {
      PluginGrant grant;
      grant.name = manifest.id;
      const auto given = std::ranges::find(known.grants, manifest.id, &PluginGrant::name);
      if (given != known.grants.end()) grant = *given;
      plugins_.emplace(manifest.id,
                       Plugin{std::make_shared<const plugins::Manifest>(manifest),
                              std::make_shared<const PluginGrant>(std::move(grant)), {}});
    }
  }

  Result<lifecycle::Blueprint> serve(std::shared_ptr<const DeploymentSpec> spec) {
    const auto named = plugins_.find(spec->runtime);
    if (named == plugins_.end()) {
      return fail(Code::kPrecondition,
                  fmt::format("its runtime '{}' is not installed", spec->runtime));
    }
    Plugin& plugin = named->second;
    auto options = plugins::take_options(*plugin.manifest, spec->given);
    if (!options) return std::unexpected(options.error());
    auto& shared = plugin.options[*options];
    if (!shared) shared = std::make_shared<const lifecycle::Options>(*std::move(options));
    return lifecycle::Blueprint{std::move(spec), plugin.manifest, plugin.grant, shared};
  }

 private:
  struct Plugin {
    std::shared_ptr<const plugins::Manifest> manifest;
    std::shared_ptr<const PluginGrant> grant;
    std::map<lifecycle::Options, std::shared_ptr<const lifecycle::Options>> options;
  };
  std::map<std::string_view, Plugin> plugins_;
};

}  // namespace

std::vector<lifecycle::Wanted> wanted(const control::Snapshot& snapshot,
                                      const control::Known& known, const std::string& location,
                                      metering::TokenPools& pools) {
  Plugins plugins(known);
  std::vector<lifecycle::Wanted> out;
  for (const auto& entry : snapshot.of(Kind::kDeployment, "")) {
    const auto& spec = std::get<DeploymentSpec>(entry->draft.spec);
    auto blueprint = plugins.serve({entry, &spec});  // the catalog's own
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
