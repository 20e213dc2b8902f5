#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tenon::tei {

// Which of the waiting sequences make the next batch: the oldest, then every one, in order, that
// still fits `budget` tokens, or `slack` tokens beside an oldest that is longer than that. So a
// batch's time is bounded, a short text waits for one long text at most, and none starves.
// lengths: tokens of each, oldest first, at least one sequence. Returns rising indices.
std::vector<std::size_t> plan_batch(std::span<const std::uint32_t> lengths, std::uint64_t budget,
                                    std::uint64_t slack);

}  // namespace tenon::tei
