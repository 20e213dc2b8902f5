#include "runtimes/ops/attention.h"

namespace tenon::ops {
namespace {

std::size_t scratch_of_thread(const Kernels& kernels, const Attention& shape, std::size_t longest) {
  return (kernels.attention_scratch(longest, shape.dim) + 15) / 16 * 16;
}

}  // namespace

std::size_t attention_scratch_size(const Kernels& kernels, const Attention& shape,
                                   std::size_t longest, unsigned threads) {
  return scratch_of_thread(kernels, shape, longest) * threads;
}

void attention(const Kernels& kernels, const Attention& shape, std::span<const Range> sequences,
               const float* qkv, float* out, float* scratch, std::size_t longest,
               ThreadPool& pool) {
  const std::size_t width = shape.heads * shape.dim;
  const std::size_t scratch_size = scratch_of_thread(kernels, shape, longest);
  const auto tasks = static_cast<std::uint32_t>(sequences.size() * shape.heads);
  pool.run(tasks, [&](std::uint32_t task, unsigned thread) {
    const Range rows = sequences[task / shape.heads];
    const std::size_t column = task % shape.heads * shape.dim;
    const float* first = qkv + rows.begin * 3 * width + column;
    kernels.attention({
        .q = first,
        .k = first + width,
        .v = first + 2 * width,
        .stride = 3 * width,
        .tokens = rows.end - rows.begin,
        .dim = shape.dim,
        .out = out + rows.begin * width + column,
        .out_stride = width,
        .scratch = scratch + thread * scratch_size,
    });
  });
}

}  // namespace tenon::ops
