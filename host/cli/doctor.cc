#include "host/cli/doctor.h"

#include <fmt/format.h>

#include "host/cli/ask_gpus.h"
#include "host/cli/machine.h"
#include "host/cli/options.h"
#include "host/cli/terminal.h"
#include "host/config/config.h"
#include "host/telemetry/log.h"
#include "host/workers/landlock.h"

namespace tenon::cli {
namespace {

constexpr std::string_view kVerb = "doctor";

// A host as it would be without a configuration.
Result<Config> config_of(const variables_map& options) {
  Machine machine;
  if (!options.count("config")) {
    Config out;
    out.host.data = machine.absolute("var/tenon");
    out.host.plugins = {machine.absolute(program_folder() + "/../plugins")};
    out.host.listen = {{"127.0.0.1", 8080}};
    return out;
  }
  const std::string path = options["config"].as<std::string>();
  const auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  auto out = config::read_config(*text, path, machine);
  if (!out) return std::unexpected(out.error().error());
  return *std::move(out);
}

std::vector<Finding> examine(const Config& config) {
  const HostSpec& host = config.host;
  std::vector<Finding> out = {check_processor(devices::read_cpus()), check_worker(program_folder()),
                              check_plugins(host.plugins), check_data(host.data),
                              check_descriptors(host.limits.connections)};
  for (const auto* addresses : {&host.listen, &host.control_listen}) {
    for (const ListenAddress& address : *addresses) out.push_back(check_address(address));
  }
  if (!config.file.empty()) out.push_back(check_manifests(config.file));
  out.push_back(check_landlock(workers::landlock_version()));
  out.push_back(check_seccomp());
  out.push_back(check_memory_groups());
  out.push_back(check_gpus(ask_gpus(config.flavors)));
  out.push_back(check_docker("/var/run/docker.sock"));
  return out;
}

}  // namespace

int print_findings(std::span<const Finding> findings, std::ostream& out) {
  int status = kOk;
  for (const Finding& finding : findings) {
    const bool wrong = finding.state == Finding::State::kWrong;
    if (wrong) status = kFailed;
    out << fmt::format("{:<8} {:<14} {}\n",
                       wrong                                       ? "WRONG"
                       : finding.state == Finding::State::kMissing ? "missing"
                                                                   : "ok",
                       finding.what, terminal_text(finding.found));
    if (!finding.costs.empty()) out << fmt::format("{:<23} {}\n", "", finding.costs);
  }
  return status;
}

int doctor(const Arguments& words, Streams streams) {
  options_description options;
  options.add_options()("config", value<std::string>());
  const auto parsed = parse_options(words, options);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  const auto config = config_of(*parsed);
  if (!config) {
    streams.err << config.error().message << "\n";
    return kBadUsage;
  }
  log::configure(LogFormat::kText, LogLevel::kError);  // what is missing stands in the list
  return print_findings(examine(*config), streams.out);
}

}  // namespace tenon::cli
