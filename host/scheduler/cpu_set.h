#pragma once

#include <optional>
#include <span>

#include "host/domain/cpu_list.h"

namespace tenon::scheduler {

// A CPU that may be leased, and how many leases hold it now.
struct CpuUse {
  unsigned id = 0;
  unsigned core = 0;  // CPUs of one core share what they compute with
  unsigned node = 0;  // of NUMA
  unsigned leases = 0;
};

// The CPUs for a lease of so many threads: on one NUMA node where one has enough of them, the one
// that is near to the lease's devices first; there the least leased CPUs, of cores that nobody else
// computes on, one for each core before a second. Fewer than wanted when there are no more.
CpuList choose_cpus(std::span<const CpuUse>, unsigned wanted, std::optional<unsigned> near);

// So many CPUs are never leased to one alone: the host and those who share need some.
inline constexpr unsigned kSharedCpus = 2;

// What a lease of so many threads is bound to: CPUs that nobody else has, on one NUMA node; where
// that would leave less than kSharedCpus to all others, the whole node, shared; empty, which is
// all CPUs, where there is one node only or none is large enough.
CpuList lease_cpus(std::span<const CpuUse>, unsigned threads, std::optional<unsigned> near);

}  // namespace tenon::scheduler
