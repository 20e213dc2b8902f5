#include "runtimes/ops/rows.h"

#include <algorithm>
#include <cstring>

namespace tenon::ops {
namespace {

// Less work than this is not worth waking a thread for.
constexpr std::size_t kBandRows = 32;

template <class Body>
void in_bands(std::size_t count, ThreadPool& pool, Body body) {
  pool.run(static_cast<std::uint32_t>((count + kBandRows - 1) / kBandRows),
           [&](std::uint32_t band) {
             const std::size_t first = band * kBandRows;
             body(first, std::min(kBandRows, count - first));
           });
}

NormRows norm_of(const LayerNorm& norm, float* rows, std::size_t count, std::size_t width) {
  return {.input = rows,
          .gain = norm.gain,
          .bias = norm.bias,
          .out = rows,
          .rows = count,
          .width = width,
          .epsilon = norm.epsilon};
}

}  // namespace

void layer_norm(const Kernels& kernels, const LayerNorm& norm, float* rows, std::size_t count,
                std::size_t width, ThreadPool& pool) {
  in_bands(count, pool, [&](std::size_t first, std::size_t size) {
    kernels.layer_norm(norm_of(norm, rows + first * width, size, width));
  });
}

void embed(const Kernels& kernels, const EmbeddingTables& tables, std::span<const TokenRows> tokens,
           const LayerNorm& norm, std::size_t width, float* out, ThreadPool& pool) {
  in_bands(tokens.size(), pool, [&](std::size_t first, std::size_t size) {
    for (std::size_t i = first; i < first + size; ++i) {
      float* row = out + i * width;
      std::memcpy(row, tables.words + tokens[i].word * width * sizeof(float),
                  width * sizeof(float));
      kernels.add(row, tables.types + tokens[i].type * width, row, width);
      kernels.add(row, tables.positions + tokens[i].position * width, row, width);
    }
    kernels.layer_norm(norm_of(norm, out + first * width, size, width));
  });
}

}  // namespace tenon::ops
