#include "host/devices/cpus.h"

#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <set>

#include "host/devices/cgroup_limits.h"
#include "host/devices/small_file.h"
#include "host/domain/flavor_rule.h"

namespace tenon::devices {
namespace {

constexpr std::array<std::string_view, 18> kIsa = {
    "sse4_2",   "avx",      "avx2",        "fma",         "f16c",        "avx_vnni",
    "avx512f",  "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile",
    "amx_int8", "amx_bf16", "asimddp",     "i8mm",        "bf16",        "sve"};

// The value of the first line "KEY…: VALUE".
std::string_view value_of(std::string_view text, std::string_view key) {
  for (const std::string_view line : lines_of(text)) {
    if (!line.starts_with(key)) continue;
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    const auto from = line.find_first_not_of(" \t", colon + 1);
    return from == line.npos ? std::string_view{} : line.substr(from);
  }
  return {};
}

std::uint64_t kilobytes(std::string_view value) {
  std::uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number * 1024;
}

std::vector<std::string> isa_of(std::string_view cpuinfo) {
  std::string_view flags = value_of(cpuinfo, "flags");
  if (flags.empty()) flags = value_of(cpuinfo, "Features");  // Arm
  const auto words = words_of(flags);
  const std::set<std::string_view> there(words.begin(), words.end());
  std::vector<std::string> out;
  for (const std::string_view name : kIsa) {
    if (there.contains(name)) out.emplace_back(name);
  }
  return out;
}

CpuList list_in(const std::string& path) {
  return parse_cpu_list(trimmed(small_file(path).value_or(""))).value_or(CpuList{});
}

std::vector<NumaNode> nodes_of(const std::string& root, const CpuList& allowed) {
  const std::string folder = root + "/sys/devices/system/node/";
  std::vector<NumaNode> out;
  for (const unsigned id : list_in(folder + "online")) {
    const std::string node = folder + "node" + std::to_string(id);
    NumaNode made{id, {}, 0};
    std::ranges::set_intersection(list_in(node + "/cpulist"), allowed,
                                  std::back_inserter(made.cpus));
    const auto meminfo = small_file(node + "/meminfo").value_or("");  // "Node 0 MemTotal: 1 kB"
    made.memory_bytes = kilobytes(value_of(meminfo, "Node " + std::to_string(id) + " MemTotal"));
    if (!made.cpus.empty() || made.memory_bytes != 0) out.push_back(std::move(made));
  }
  return out;
}

CpuList allowed_cpus() {
  for (std::size_t most = 1024; most <= 16'384; most *= 2) {
    const std::size_t size = CPU_ALLOC_SIZE(most);
    const auto free = [](cpu_set_t* set) { CPU_FREE(set); };
    const std::unique_ptr<cpu_set_t, decltype(free)> set(CPU_ALLOC(most), free);
    if (!set || ::sched_getaffinity(0, size, set.get()) != 0) continue;  // more CPUs than that
    CpuList out;
    for (unsigned cpu = 0; cpu < most; ++cpu) {
      if (CPU_ISSET_S(cpu, size, set.get())) out.push_back(cpu);
    }
    return out;
  }
  return {0};
}

}  // namespace

Cpus read_cpus(const std::string& root, const CpuList& allowed, const std::string& architecture) {
  Cpus out;
  out.flavor = cpu_flavor(architecture);
  const std::string cpuinfo = small_file(root + "/proc/cpuinfo").value_or("");
  out.model = value_of(cpuinfo, "model name");
  out.isa = isa_of(cpuinfo);
  out.memory_bytes =
      kilobytes(value_of(small_file(root + "/proc/meminfo").value_or(""), "MemTotal"));
  out.nodes = nodes_of(root, allowed);
  if (out.nodes.empty()) out.nodes = {{0, allowed, out.memory_bytes}};
  for (const unsigned id : allowed) {
    const CpuList siblings = list_in(root + "/sys/devices/system/cpu/cpu" + std::to_string(id) +
                                     "/topology/thread_siblings_list");
    const auto node = std::ranges::find_if(
        out.nodes, [id](const NumaNode& n) { return std::ranges::binary_search(n.cpus, id); });
    out.cpus.push_back(
        {id, siblings.empty() ? id : siblings.front(), node == out.nodes.end() ? 0 : node->id});
  }
  const CgroupLimits limits = read_cgroup_limits(root);
  if (limits.memory_bytes < out.memory_bytes) out.memory_limit = limits.memory_bytes;
  // A fraction of a CPU more would mean threads that are stopped in the middle of their work.
  const auto quota = static_cast<unsigned>(std::min(limits.cpus, 16'384.0));
  out.usable = std::max(1U, std::min(static_cast<unsigned>(out.cpus.size()), quota));
  return out;
}

Cpus read_cpus() {
  utsname names{};
  ::uname(&names);
  return read_cpus("", allowed_cpus(), names.machine);
}

std::uint64_t usable_memory(const Cpus& cpus) {
  return (cpus.memory_limit != 0 ? cpus.memory_limit : cpus.memory_bytes) / 4 * 3;
}

}  // namespace tenon::devices
