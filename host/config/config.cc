#include "host/config/config.h"

#include <fmt/format.h>

#include "host/config/sections.h"

namespace tenon::config {
namespace {

void read(Table& root, Config& config, Surroundings& surroundings) {
  auto host = root.table("host");
  config.host = read_host(host ? &*host : nullptr, surroundings);
  const auto scanned = surroundings.plugins(config.host.plugins);
  if (!scanned) {
    root.problem(host ? host->position("plugins") : Position{}, scanned.error().message);
  }
  const std::vector<plugins::Manifest>* manifests = scanned ? &*scanned : nullptr;
  root.later({"burst", "cluster", "tls", "store"});
  config.plugins = read_grants(root, manifests);
  config.flavors = read_flavor_rules(root);
  const ResourceContext context{config.host.workspace, manifests, &config.plugins, &surroundings};
  std::uint64_t standing = 0;  // replicas that are always there
  for (Placed& placed : read_resources(root, context)) {
    if (const auto* spec = std::get_if<DeploymentSpec>(&placed.draft.spec)) {
      const bool fitted = standing <= config.host.limits.replicas;
      standing += spec->scale.min_replicas;
      if (fitted && standing > config.host.limits.replicas) {
        root.problem(placed.at, fmt::format("with this deployment 'minReplicas' add up to {}, but "
                                            "'replicas' in [host.limits] is {}",
                                            standing, config.host.limits.replicas));
      }
    }
    config.resources.push_back(std::move(placed.draft));
  }
}

}  // namespace

std::expected<Config, Problems> read_config(std::string_view text, const std::string& file,
                                            Surroundings& surroundings) {
  Problems problems(file);
  Config config;
  config.file = file;
  if (auto document = Document::parse(text, problems)) {
    Table root = document->root();
    read(root, config, surroundings);
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return config;
}

}  // namespace tenon::config
