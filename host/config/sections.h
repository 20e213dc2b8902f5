#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/config/config.h"
#include "host/config/document.h"
#include "host/config/manifest.h"

// The parts of read_config(), by table.
namespace tenon::config {

// [host]; the defaults when there is none.
HostSpec read_host(Table* host, const Surroundings&);

// [[plugin]]; null: which plugins there are is not known.
std::vector<PluginGrant> read_grants(Table& root, const std::vector<plugins::Manifest>*);

// [[flavor]]
std::vector<FlavorRule> read_flavor_rules(Table& root);

// One [[deployment]], without its workspace.
DeploymentSpec read_deployment(Table&, const ResourceContext&);

// Names of resources; what is none has its problem noted.
std::string checked_name(Table&, std::string_view what, std::optional<Text>);
std::string checked_workspace(Table&, std::optional<Text>);
std::vector<std::string> read_names(Table&, std::string_view key, std::string_view what);

// [deployment.options] as they were given, held against what the plugin declares.
std::vector<GivenOption> read_options(std::optional<Table> options, const plugins::Manifest&);
// The same where no plugin is known.
std::vector<GivenOption> read_unjudged(std::optional<Table> options);

}  // namespace tenon::config
