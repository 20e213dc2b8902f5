#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/config/config.h"
#include "host/config/document.h"

// The parts of read_config(), by table.
namespace tenon::config {

// [host]; the defaults when there is none.
HostSpec read_host(Table* host, const Surroundings&);

// [[plugin]]; null: which plugins there are is not known.
std::vector<PluginGrant> read_grants(Table& root, const std::vector<plugins::Manifest>*);

// [[flavor]]
std::vector<FlavorRule> read_flavor_rules(Table& root);

// One [[deployment]].
struct DeploymentContext {
  const HostSpec& host;
  const std::vector<plugins::Manifest>* plugins;  // null: not known, and said so already
  std::span<const PluginGrant> grants;
  const Surroundings& surroundings;
};
DeploymentSpec read_deployment(Table&, const DeploymentContext&);

// [deployment.options] against what the plugin declares, its defaults filled in, in its order.
using Options = std::vector<std::pair<std::string, std::string>>;
Options read_options(std::optional<Table> options, const plugins::Manifest&);
// The same for runtime = "auto", as far as it can be judged: some plugin must take them all. Which
// one will be chosen shows later.
std::vector<GivenOption> read_given(std::optional<Table> options,
                                    const std::vector<plugins::Manifest>&);

}  // namespace tenon::config
