#include "plugins/tei/batch_plan.h"

#include <algorithm>

namespace tenon::tei {

std::vector<std::size_t> plan_batch(std::span<const std::uint32_t> lengths, std::uint64_t budget,
                                    std::uint64_t slack) {
  std::vector<std::size_t> chosen{0};
  const std::uint64_t oldest = lengths[0];
  std::uint64_t left = std::max(budget, oldest + slack) - oldest;
  for (std::size_t i = 1; i < lengths.size() && left > 0; ++i) {
    if (lengths[i] > left) continue;
    left -= lengths[i];
    chosen.push_back(i);
  }
  return chosen;
}

}  // namespace tenon::tei
