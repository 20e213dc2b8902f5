#include "host/config/config.h"

#include <fmt/format.h>

#include <map>

#include "host/config/sections.h"

namespace tenon::config {
namespace {

void refuse_duplicates(Table& table, const DeploymentSpec& spec,
                       std::map<DeploymentKey, Position>& seen) {
  if (spec.key.model.empty()) return;  // it has a problem already
  const auto [at, fresh] = seen.try_emplace(spec.key, table.position());
  if (!fresh) {
    table.problem(table.position("model"),
                  fmt::format("a second deployment of model '{}' in environment '{}'; the first is "
                              "at line {}",
                              spec.key.model, spec.key.environment, at->second.line));
  }
}

void read(Table& root, Config& config, Surroundings& surroundings) {
  auto host = root.table("host");
  config.host = read_host(host ? &*host : nullptr, surroundings);
  const auto scanned = surroundings.plugins(config.host.plugins);
  if (!scanned) {
    root.problem(host ? host->position("plugins") : Position{}, scanned.error().message);
  }
  const std::vector<plugins::Manifest>* manifests = scanned ? &*scanned : nullptr;
  root.later({"location", "policy", "environment", "burst", "cluster", "tls", "store"});
  config.plugins = read_grants(root, manifests);
  config.flavors = read_flavor_rules(root);

  std::map<DeploymentKey, Position> seen;
  std::uint64_t standing = 0;  // replicas that are always there
  auto tables = root.tables("deployment");
  config.deployments.reserve(tables.size());
  for (Table& table : tables) {
    const DeploymentContext context{config.host, manifests, config.plugins, surroundings};
    DeploymentSpec& spec = config.deployments.emplace_back(read_deployment(table, context));
    refuse_duplicates(table, spec, seen);
    const bool fitted = standing <= config.host.limits.replicas;
    standing += spec.scale.min_replicas;
    if (fitted && standing > config.host.limits.replicas) {
      table.problem(
          table.position(),
          fmt::format("with this deployment 'minReplicas' add up to {}, but 'replicas' in "
                      "[host.limits] is {}",
                      standing, config.host.limits.replicas));
    }
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
