#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtimes/ops/kernels.h"
#include "runtimes/ops/thread_pool.h"

namespace tenon::ops {

// Rows [begin, end) of one sequence.
struct Range {
  std::uint32_t begin;
  std::uint32_t end;
};

// Attention of each sequence over itself, without a mask. A row of qkv holds queries, keys and
// values, heads × dim floats each; a row of out heads × dim. `scratch` holds
// attention_scratch_size() floats, 64-byte aligned.
struct Attention {
  std::size_t heads;
  std::size_t dim;
};

std::size_t attention_scratch_size(const Kernels& kernels, const Attention& shape,
                                   std::size_t longest, unsigned threads);

void attention(const Kernels& kernels, const Attention& shape, std::span<const Range> sequences,
               const float* qkv, float* out, float* scratch, std::size_t longest, ThreadPool& pool);

}  // namespace tenon::ops
