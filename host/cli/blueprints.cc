#include "host/cli/blueprints.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/plugins/option_check.h"

namespace tenon::cli {

Blueprints::Blueprints(std::shared_ptr<const control::Known> known) : known_(std::move(known)) {
  for (const plugins::Manifest& manifest : known_->plugins) {
    PluginGrant grant;
    grant.name = manifest.id;
    const auto given = std::ranges::find(known_->grants, manifest.id, &PluginGrant::name);
    if (given != known_->grants.end()) grant = *given;
    plugins_.emplace(
        manifest.id,
        Plugin{{known_, &manifest}, std::make_shared<const PluginGrant>(std::move(grant)), {}});
  }
}

Result<lifecycle::Blueprint> Blueprints::of(std::shared_ptr<const DeploymentSpec> spec) {
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

void Blueprints::forget_unused() {
  for (auto& [name, plugin] : plugins_) {
    std::erase_if(plugin.options, [](const auto& each) { return each.second.use_count() == 1; });
  }
}

}  // namespace tenon::cli
