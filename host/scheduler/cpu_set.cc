#include "host/scheduler/cpu_set.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

namespace tenon::scheduler {
namespace {

struct Candidate {
  unsigned leases = 0;       // of this CPU
  unsigned core_leases = 0;  // of all CPUs of its core
  unsigned rank = 0;         // within its core
  unsigned id = 0;
  unsigned node = 0;
  // What is taken first is less.
  auto order() const { return std::tuple(leases, rank + core_leases, id); }
};

struct Node {
  unsigned id = 0;
  std::vector<Candidate> cpus;  // the best first

  unsigned crowding(unsigned wanted) const {
    unsigned sum = 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(wanted, cpus.size()); ++i) {
      sum += cpus[i].leases + cpus[i].core_leases + cpus[i].rank;
    }
    return sum;
  }
};

std::vector<Node> nodes_of(std::span<const CpuUse> cpus) {
  std::map<unsigned, unsigned> core_leases, ranks;
  for (const CpuUse& cpu : cpus) core_leases[cpu.core] += cpu.leases;
  std::map<unsigned, Node> nodes;
  for (const CpuUse& cpu : cpus) {
    Node& node = nodes[cpu.node];
    node.id = cpu.node;
    node.cpus.push_back({cpu.leases, core_leases[cpu.core], ranks[cpu.core]++, cpu.id, cpu.node});
  }
  std::vector<Node> out;
  for (auto& [id, node] : nodes) {
    std::ranges::sort(node.cpus, {}, &Candidate::order);
    out.push_back(std::move(node));
  }
  return out;
}

}  // namespace

namespace {

bool shares_nothing(std::span<const CpuUse> cpus, const CpuList& chosen) {
  const auto has = [&](const CpuUse& cpu) {
    return std::ranges::find(chosen, cpu.id) != chosen.end();
  };
  std::size_t free_after = 0;
  std::optional<unsigned> node;
  for (const CpuUse& cpu : cpus) {
    if (!has(cpu)) {
      free_after += cpu.leases == 0 ? 1 : 0;
    } else if (cpu.leases != 0 || node.value_or(cpu.node) != cpu.node) {
      return false;
    } else {
      node = cpu.node;
    }
  }
  return free_after >= kSharedCpus;
}

}  // namespace

CpuList lease_cpus(std::span<const CpuUse> cpus, unsigned threads, std::optional<unsigned> near) {
  CpuList own = choose_cpus(cpus, threads, near);
  if (own.size() == threads && shares_nothing(cpus, own)) return own;
  std::map<unsigned, CpuList> nodes;
  for (const CpuUse& cpu : cpus) nodes[cpu.node].push_back(cpu.id);
  if (nodes.size() < 2 || own.empty()) return {};
  const auto first = std::ranges::find(cpus, own.front(), &CpuUse::id);
  CpuList& node = near && nodes.contains(*near) ? nodes.at(*near) : nodes.at(first->node);
  if (node.size() < threads) return {};
  std::ranges::sort(node);
  return node;
}

CpuList choose_cpus(std::span<const CpuUse> cpus, unsigned wanted, std::optional<unsigned> near) {
  std::vector<Node> nodes = nodes_of(cpus);
  const auto order = [&](const Node& node) {
    const bool near_first = !near || node.id == *near;
    const bool whole = node.cpus.size() >= wanted;
    return std::tuple(!near_first, !whole, node.crowding(wanted), node.id);
  };
  std::ranges::sort(nodes, {}, order);
  CpuList out;
  for (const Node& node : nodes) {
    for (const Candidate& cpu : node.cpus) {
      if (out.size() < wanted) out.push_back(cpu.id);
    }
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace tenon::scheduler
