#include "host/simulator/scenario.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "host/config/manifest.h"
#include "host/config/sections.h"
#include "host/policy/combination.h"

namespace tenon::simulator {
namespace {

constexpr std::int64_t kMostNodes = 100'000;
constexpr std::int64_t kMostDevices = 64;
constexpr std::size_t kMostInAll = 1'000'000;
constexpr std::int64_t kMostAtOnce = 1'000'000;

// Paths are of a machine that does not exist.
class Elsewhere final : public config::Surroundings {
 public:
  std::string absolute(const std::string& path) const override { return path; }
  bool is_folder(const std::string&) const override { return true; }
  Result<std::vector<plugins::Manifest>> plugins(const std::vector<std::string>&) override {
    return {};
  }
};

struct Rule {
  std::string deployments;  // a pattern of names
  Workload workload;
};

// What the files hold together.
struct Sources {
  HostSpec host;
  std::vector<scheduler::Device> devices;
  std::vector<Rule> rules;
  std::map<ResourceKey, Draft> drafts;
};

void add_node(const scheduler::Device& cpu, const scheduler::Device& gpu, unsigned gpus,
              bool linked, std::vector<scheduler::Device>& out) {
  const unsigned node = out.empty() ? 0 : out.back().node + 1;
  out.push_back(cpu);
  out.back().name = fmt::format("node-{}", node);
  out.back().node = node;
  const auto first = static_cast<scheduler::DeviceIndex>(out.size());
  for (unsigned i = 0; i < gpus; ++i) {
    out.push_back(gpu);
    out.back().name = fmt::format("node-{}/{}", node, i);
    out.back().node = node;
    for (unsigned peer = 0; linked && peer < gpus; ++peer) {
      if (peer != i) out.back().links.push_back({first + peer, 3});
    }
  }
}

// [[node]]: `count` machines that are alike.
void read_node(config::Table& table, std::vector<scheduler::Device>& out) {
  const std::int64_t count = table.integer("count", 1, kMostNodes).value_or(1);
  scheduler::Device cpu{.flavor = {FlavorType::kCpu, "x86"}};
  if (const auto text = table.text("cpu")) {
    const auto flavor = parse_flavor(text->value);
    if (!flavor || flavor->type != FlavorType::kCpu) {
      table.problem(text->at, fmt::format("'{}' is no CPU flavor, such as cpu/x86", text->value));
    } else {
      cpu.flavor = *flavor;
    }
  }
  cpu.threads = static_cast<unsigned>(table.integer("threads", 1, 4'096).value_or(16));
  cpu.bytes = table.size("memory").value_or(0);
  cpu.replicas = static_cast<unsigned>(table.integer("replicas", 1, kMostNodes).value_or(0));
  scheduler::Device gpu;
  const bool linked = table.boolean("nvlink").value_or(false);
  const auto gpus = static_cast<unsigned>(table.integer("devices", 0, kMostDevices).value_or(0));
  gpu.bytes = table.size("deviceMemory").value_or(0);
  const auto text = table.text("flavor");
  const auto flavor = text ? parse_flavor(text->value) : Result<Flavor>(Flavor{});
  if (text && (!flavor || flavor->type != FlavorType::kGpu)) {
    table.problem(text->at, fmt::format("'{}' is no GPU flavor, such as gpu/l4", text->value));
  }
  if (gpus != 0 && (!text || gpu.bytes == 0)) {
    table.problem(table.position("devices"), "'devices' need a 'flavor' and their 'deviceMemory'");
  }
  if (flavor) gpu.flavor = *flavor;
  if (out.size() + static_cast<std::size_t>(count) * (gpus + 1) > kMostInAll) {
    return table.problem(table.position("count"),
                         fmt::format("more than {} devices in all", kMostInAll));
  }
  for (std::int64_t i = 0; i < count; ++i) add_node(cpu, gpu, gpus, linked, out);
}

Rule read_rule(config::Table& table) {
  Rule rule;
  rule.deployments = table.string("deployments").value_or("*");
  Workload& w = rule.workload;
  w.load = table.duration("loadTime").value_or(w.load);
  w.request = table.duration("requestTime").value_or(w.request);
  w.tokens_per_second =
      static_cast<unsigned>(table.integer("tokensPerSecond", 1, kMostAtOnce).value_or(0));
  w.at_once = static_cast<unsigned>(table.integer("atOnce", 1, kMostAtOnce).value_or(0));
  w.memory = table.size("memory").value_or(0);
  w.device_memory = table.size("deviceMemory").value_or(0);
  return rule;
}

void read_file(config::Table& root, Sources& out) {
  Elsewhere elsewhere;
  if (auto host = root.table("host")) out.host = config::read_host(&*host, elsewhere);
  config::read_grants(root, nullptr);
  config::read_flavor_rules(root);
  for (config::Table& node : root.tables("node")) read_node(node, out.devices);
  for (config::Table& rule : root.tables("workload")) out.rules.push_back(read_rule(rule));
  for (config::Placed& placed : config::read_resources(root, {.workspace = out.host.workspace})) {
    const ResourceKey key = placed.draft.key;
    if (!out.drafts.emplace(key, std::move(placed.draft)).second) {
      root.problem(placed.at, fmt::format("{} is in another file already", to_string(key)));
    }
  }
}

class Builder {
 public:
  explicit Builder(const Sources& sources) : sources_(sources) {
    for (const scheduler::Device& device : sources_.devices) {
      const bool fresh = std::ranges::find(cpus_, device.flavor) == cpus_.end();
      if (fresh && device.flavor.type == FlavorType::kCpu) cpus_.push_back(device.flavor);
    }
  }

  Subject subject(const DeploymentSpec& spec, const ResourceKey& key) const {
    Subject out{.key = spec.key,
                .scale = spec.scale,
                .limits = spec.limits,
                .flavors = {},
                .devices = spec.devices_per_replica,
                .workload = workload(spec.key)};
    out.key.workspace = key.workspace;
    allow(spec, key, out);
    Workload& w = out.workload;
    if (spec.limits.memory != 0) w.memory = spec.limits.memory;
    if (spec.limits.device_memory != 0) w.device_memory = spec.limits.device_memory;
    if (w.at_once == 0) {
      w.at_once =
          spec.scale.metric == ScaleMetric::kConcurrency ? spec.scale.target : Scale{}.target;
    }
    return out;
  }

 private:
  Workload workload(const DeploymentKey& key) const {
    for (const Rule& rule : sources_.rules) {
      if (::fnmatch(rule.deployments.c_str(), key.model.c_str(), 0) == 0) return rule.workload;
    }
    return {};
  }

  template <class Spec>
  const Spec* find(const ResourceKey& key) const {
    const auto found = sources_.drafts.find(key);
    return found == sources_.drafts.end() ? nullptr : std::get_if<Spec>(&found->second.spec);
  }

  policy::Level level(const ResourceKey& owner, const std::vector<std::string>& names) const {
    policy::Level out{to_string(owner), {}};
    for (const std::string& name : names) {
      if (const auto* policy = find<Policy>({Kind::kPolicy, owner.workspace, name, ""})) {
        out.policies.push_back(policy);
      }
    }
    return out;
  }

  void allow(const DeploymentSpec& spec, const ResourceKey& key, Subject& out) const {
    const ResourceKey in = environment_of(key);
    const auto* environment = find<Environment>(in);
    std::vector<Flavor> listed;
    for (const std::string& name : spec.flavors) listed.push_back(*parse_flavor(name));
    if (listed.empty()) listed = cpus_;
    const auto* here = find<Location>({Kind::kLocation, "", sources_.host.location, ""});
    auto allowed = policy::allowed_at(
        level(in, environment ? environment->policies : std::vector<std::string>()),
        level(key, spec.policies), here ? *here : Location{}, listed);
    if (allowed) {
      out.flavors = *std::move(allowed);
    } else {
      out.forbidden = std::move(allowed.error().message);
    }
  }

  const Sources& sources_;
  std::vector<Flavor> cpus_;
};

}  // namespace

Result<Scenario> read_scenario(std::span<const SourceFile> files) {
  Sources sources;
  std::string wrong;
  for (const SourceFile& file : files) {
    config::Problems problems(file.path);
    if (auto document = config::Document::parse(file.text, problems)) {
      config::Table root = document->root();
      read_file(root, sources);
    }
    if (!problems.empty()) wrong += (wrong.empty() ? "" : "\n") + problems.text();
  }
  if (!wrong.empty()) return fail(Code::kInvalid, std::move(wrong));
  if (sources.devices.empty()) {
    return fail(Code::kInvalid, "there is no machine: expected a [[node]] table");
  }
  Scenario out;
  const Builder builder(sources);
  for (const auto& [key, draft] : sources.drafts) {
    if (const auto* spec = std::get_if<DeploymentSpec>(&draft.spec); spec && spec->enabled) {
      out.subjects.push_back(builder.subject(*spec, key));
    }
  }
  if (out.subjects.empty()) {
    return fail(Code::kInvalid, "there is nothing to run: expected a [[deployment]] table");
  }
  out.devices = std::move(sources.devices);
  return out;
}

}  // namespace tenon::simulator
