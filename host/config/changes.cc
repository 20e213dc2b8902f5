#include "host/config/changes.h"

namespace tenon::config {
namespace {

// What a running host can follow.
HostSpec with_live_keys(HostSpec host, const HostSpec& from) {
  host.limits.replicas = from.limits.replicas;
  host.limits.memory = from.limits.memory;
  host.limits.requests_per_key = from.limits.requests_per_key;
  host.log_format = from.log_format;
  host.log_level = from.log_level;
  return host;
}

std::vector<std::string> restarts(const Config& before, const Config& after) {
  const HostSpec a = with_live_keys(before.host, after.host);
  const HostSpec& b = after.host;
  std::vector<std::string> out;
  const auto compare = [&](const char* key, const auto& x, const auto& y) {
    if (!(x == y)) out.emplace_back(key);
  };
  compare("host.listen", a.listen, b.listen);
  compare("host.controlListen", a.control_listen, b.control_listen);
  compare("host.tls", a.tls, b.tls);
  compare("host.workspace", a.workspace, b.workspace);
  compare("host.data", a.data, b.data);
  compare("host.plugins", a.plugins, b.plugins);
  compare("host.modelRoots", a.model_roots, b.model_roots);
  compare("host.loops", a.loops, b.loops);
  compare("host.limits", a.limits, b.limits);
  compare("host.corsOrigins", a.cors_origins, b.cors_origins);
  compare("flavor", before.flavors, after.flavors);
  return out;
}

}  // namespace

Changes changes(const Config& before, const Config& after) {
  Changes out;
  out.logs = before.host.log_format != after.host.log_format ||
             before.host.log_level != after.host.log_level;
  out.capacity = before.host.limits.replicas != after.host.limits.replicas ||
                 before.host.limits.memory != after.host.limits.memory;
  out.restart = restarts(before, after);
  return out;
}

Config in_force(const Config& before, Config after) {
  after.host = with_live_keys(before.host, after.host);
  after.flavors = before.flavors;
  return after;
}

}  // namespace tenon::config
