#include "host/scheduler/memory_limit.h"

#include <algorithm>

namespace tenon::scheduler {
namespace {

constexpr std::uint64_t kLeastRoom = 256ULL << 20;

}  // namespace

std::uint64_t memory_limit(const MemoryFacts& facts) {
  std::uint64_t limit = facts.configured;
  if (limit == 0 && facts.expected != 0) {
    limit = facts.expected + std::max(facts.expected / 2, kLeastRoom);
  }
  if (limit == 0) return facts.budget;
  return facts.budget == 0 ? limit : std::min(limit, facts.budget);
}

}  // namespace tenon::scheduler
