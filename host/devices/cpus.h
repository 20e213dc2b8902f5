#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/domain/cpu_list.h"
#include "host/domain/flavor.h"

// What this machine has, as values.
namespace tenon::devices {

struct Cpu {
  unsigned id = 0;
  unsigned core = 0;  // the lowest CPU of the same core
  unsigned node = 0;  // of NUMA
  bool operator==(const Cpu&) const = default;
};

struct NumaNode {
  unsigned id = 0;
  CpuList cpus;  // of those that this process may use
  std::uint64_t memory_bytes = 0;
  bool operator==(const NumaNode&) const = default;
};

struct Cpus {
  Flavor flavor;
  std::string model;             // "AMD EPYC 9354 32-Core Processor"; may be empty
  std::vector<std::string> isa;  // what kernels choose their path by, as Linux names it: "avx2"
  std::vector<Cpu> cpus;         // those that this process may use, ascending
  unsigned usable = 1;           // as many threads run at once: the CPUs, or the quota if less
  std::vector<NumaNode> nodes;   // with a CPU or memory
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_limit = 0;  // of the control group; 0: none
  bool operator==(const Cpus&) const = default;
};

// Reads /proc, /sys and the control group's files (v2 and v1) below `root`, "" for the machine's
// own. What is not there or no number is left at its default: a machine without NUMA has one node.
Cpus read_cpus(const std::string& root, const CpuList& allowed, const std::string& architecture);
// This machine and this process.
Cpus read_cpus();

// For all replicas together: three quarters of the memory, or of the limit when that is less.
std::uint64_t usable_memory(const Cpus&);

}  // namespace tenon::devices
