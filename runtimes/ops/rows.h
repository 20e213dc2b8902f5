#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtimes/ops/kernels.h"
#include "runtimes/ops/thread_pool.h"

namespace tenon::ops {

struct LayerNorm {
  const float* gain;
  const float* bias;
  float epsilon;
};

// In place, over rows × width without gaps.
void layer_norm(const Kernels& kernels, const LayerNorm& norm, float* rows, std::size_t count,
                std::size_t width, ThreadPool& pool);

// Three tables of rows of `width` floats; the words' may have any alignment.
struct EmbeddingTables {
  const std::byte* words;
  const float* positions;
  const float* types;
};

// What one token is: its row in each table.
struct TokenRows {
  std::uint32_t word;
  std::uint32_t position;
  std::uint32_t type;
};

// out's row i = norm(words[i] + types[i] + positions[i]). The rows exist: the caller has checked.
void embed(const Kernels& kernels, const EmbeddingTables& tables, std::span<const TokenRows> tokens,
           const LayerNorm& norm, std::size_t width, float* out, ThreadPool& pool);

}  // namespace tenon::ops
