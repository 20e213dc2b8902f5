#include "host/config/changes.h"

#include <algorithm>
#include <map>

namespace tenon::config {
namespace {

std::vector<std::string> restarts(const Config& before, const Config& after) {
  const HostSpec &a = before.host, &b = after.host;
  std::vector<std::string> out;
  const auto compare = [&](const char* key, const auto& x, const auto& y) {
    if (!(x == y)) out.emplace_back(key);
  };
  compare("host.listen", a.listen, b.listen);
  compare("host.data", a.data, b.data);
  compare("host.plugins", a.plugins, b.plugins);
  compare("host.modelRoots", a.model_roots, b.model_roots);
  compare("host.loops", a.loops, b.loops);
  compare("host.limits", a.limits, b.limits);
  compare("host.corsOrigins", a.cors_origins, b.cors_origins);
  compare("plugin", before.plugins, after.plugins);
  return out;
}

}  // namespace

Changes changes(const Config& before, const Config& after) {
  Changes out;
  out.logs = before.host.log_format != after.host.log_format ||
             before.host.log_level != after.host.log_level;
  out.restart = restarts(before, after);
  std::map<DeploymentKey, const DeploymentSpec*> old;
  for (const DeploymentSpec& spec : before.deployments) old.emplace(spec.key, &spec);
  for (const DeploymentSpec& spec : after.deployments) {
    const auto at = old.find(spec.key);
    if (at == old.end()) {
      out.added.push_back(spec);
      continue;
    }
    if (*at->second != spec) out.changed.push_back(spec);
    old.erase(at);
  }
  for (const auto& [key, spec] : old) out.removed.push_back(key);
  return out;
}

}  // namespace tenon::config
