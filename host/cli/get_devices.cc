#include "host/cli/get_devices.h"

#include <fmt/format.h>

#include <memory>

#include "host/cli/machine.h"
#include "host/cli/options.h"
#include "host/config/config.h"
#include "host/devices/device_watch.h"
#include "host/telemetry/log.h"

namespace tenon::cli {
namespace {

std::string gigabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

std::string nodes_of(const devices::Cpus& cpus) {
  CpuList nodes;
  for (const auto& node : cpus.nodes) nodes.push_back(node.id);
  return to_text(nodes);
}

}  // namespace

devices::Gpus ask_gpus(std::vector<FlavorRule> rules) {
  boost::asio::io_context context;
  devices::WatchOptions options;
  options.helper = program_folder() + "/tenon-devices";
  options.environment = devices::own_environment();
  options.rules = std::move(rules);
  devices::Gpus out;
  const auto watch = std::make_shared<devices::DeviceWatch>(context, std::move(options),
                                                            [&](const devices::Gpus& gpus) {
                                                              out = gpus;
                                                              context.stop();
                                                            });
  watch->refresh();
  context.run();
  watch->stop();
  return out;
}

std::vector<std::vector<std::string>> devices_table(const devices::Cpus& cpus,
                                                    const devices::Gpus& gpus) {
  std::vector<std::vector<std::string>> rows = {
      {"DEVICE", "NAME", "FLAVOR", "MEMORY", "FREE", "NUMA", "HEALTH"}};
  const std::uint64_t memory = cpus.memory_limit != 0 ? cpus.memory_limit : cpus.memory_bytes;
  rows.push_back({fmt::format("{} CPUs", cpus.usable), cpus.model.empty() ? "-" : cpus.model,
                  to_string(cpus.flavor), gigabytes(memory), "-", nodes_of(cpus), "ok"});
  for (const devices::Gpu& gpu : gpus.devices) {
    const std::string health(to_string(gpu.health));
    rows.push_back({gpu.uuid, gpu.name, to_string(gpu.flavor), gigabytes(gpu.memory_bytes),
                    gigabytes(gpu.free_bytes), gpu.node ? std::to_string(*gpu.node) : "-",
                    gpu.reason.empty() ? health : health + ": " + gpu.reason});
  }
  return rows;
}

int get_devices(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "get devices";
  options_description options;
  options.add_options()("config", value<std::string>());
  const auto parsed = parse_options(words, options);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  std::vector<FlavorRule> rules;
  if (parsed->count("config")) {
    const std::string path = (*parsed)["config"].as<std::string>();
    const auto text = read_file(path);
    if (!text) return bad_usage(kVerb, text.error().message, streams);
    Machine machine;
    auto config = config::read_config(*text, path, machine);
    if (!config) {
      streams.err << config.error().text() << "\n";
      return kBadUsage;
    }
    rules = std::move(config->flavors);
  }
  log::configure(LogFormat::kText, LogLevel::kError);  // what is wrong stands in the table
  const devices::Gpus gpus = ask_gpus(std::move(rules));
  print_table(streams.out, devices_table(devices::read_cpus(), gpus));
  if (!gpus.note.empty()) streams.err << "no GPU to use: " << gpus.note << "\n";
  return kOk;
}

}  // namespace tenon::cli
