#include "runtimes/ops/linear.h"

#include <algorithm>
#include <cstring>

namespace tenon::ops {
namespace {

std::size_t blocks(const Kernels& kernels, std::size_t outputs) {
  return (outputs + kernels.block_columns - 1) / kernels.block_columns;
}

// How a product is cut into tasks: bands of rows times groups of neighbouring blocks of weights.
struct Cut {
  std::size_t bands;
  std::size_t band_rows;
  std::size_t groups;
  std::size_t group_blocks;
};

// A band stays in the second level cache while block after block of weights is read once for it. A
// group lets a thread fetch its next block ahead of time, yet leaves tasks to share.
Cut cut(const Kernels& kernels, std::size_t rows, std::size_t inputs, std::size_t blocks,
        unsigned threads) {
  constexpr std::size_t kBandBytes = 768UL << 10;
  constexpr std::size_t kMostRows = 256;
  constexpr std::size_t kMostBlocks = 4;
  const std::size_t most =
      std::clamp(kBandBytes / (inputs * sizeof(float)), kernels.row_step, kMostRows);
  const std::size_t bands = (rows + most - 1) / most;
  const std::size_t step = kernels.row_step;
  const std::size_t band_rows = ((rows + bands - 1) / bands + step - 1) / step * step;
  const std::size_t group_blocks =
      std::clamp(blocks * bands / (2UL * threads), std::size_t{1}, kMostBlocks);
  return {bands, band_rows, (blocks + group_blocks - 1) / group_blocks, group_blocks};
}

// One output's row of the source that holds it.
struct Output {
  const std::byte* weights;
  const std::byte* bias;
};

Output find_output(std::span<const LinearSource> sources, std::size_t inputs, std::size_t output) {
  for (const LinearSource& source : sources) {
    if (output < source.outputs) {
      return {source.weights + output * inputs * sizeof(float),
              source.bias + output * sizeof(float)};
    }
    output -= source.outputs;
  }
  return {nullptr, nullptr};
}

void pack_block(std::size_t width, std::size_t inputs, std::span<const LinearSource> sources,
                std::size_t first, float* weights, float* bias) {
  // A few inputs of all columns at a time: what is written stays in the first level cache.
  constexpr std::size_t kStep = 16;
  for (std::size_t start = 0; start < inputs; start += kStep) {
    const std::size_t step = std::min(kStep, inputs - start);
    for (std::size_t column = 0; column < width; ++column) {
      const Output output = find_output(sources, inputs, first + column);
      float part[kStep] = {};
      if (output.weights)
        std::memcpy(part, output.weights + start * sizeof(float), step * sizeof(float));
      for (std::size_t i = 0; i < step; ++i) weights[(start + i) * width + column] = part[i];
    }
  }
  for (std::size_t column = 0; column < width; ++column) {
    const Output output = find_output(sources, inputs, first + column);
    bias[column] = 0;
    if (output.bias) std::memcpy(&bias[column], output.bias, sizeof(float));
  }
}

}  // namespace

std::size_t PackedLinear::size(const Kernels& kernels, std::size_t inputs, std::size_t outputs) {
  return blocks(kernels, outputs) * kernels.block_columns * (inputs + 1);
}

PackedLinear PackedLinear::at(const Kernels& kernels, std::size_t inputs, std::size_t outputs,
                              const float* memory) {
  return {inputs, outputs, memory,
          memory + blocks(kernels, outputs) * kernels.block_columns * inputs};
}

void pack_linear(const Kernels& kernels, std::size_t inputs, std::span<const LinearSource> sources,
                 float* memory, ThreadPool& pool) {
  std::size_t outputs = 0;
  for (const LinearSource& source : sources) outputs += source.outputs;
  const std::size_t width = kernels.block_columns;
  const std::size_t count = blocks(kernels, outputs);
  float* bias = memory + count * width * inputs;
  pool.run(static_cast<std::uint32_t>(count), [&](std::uint32_t block) {
    pack_block(width, inputs, sources, block * width, memory + block * width * inputs,
               bias + block * width);
  });
}

void linear(const Kernels& kernels, const PackedLinear& layer, const float* a, std::size_t rows,
            Epilogue epilogue, const float* residual, float* c, ThreadPool& pool) {
  const std::size_t width = kernels.block_columns;
  const std::size_t count = blocks(kernels, layer.outputs);
  const Cut parts = cut(kernels, rows, layer.inputs, count, pool.threads());
  pool.run(static_cast<std::uint32_t>(parts.bands * parts.groups), [&](std::uint32_t task) {
    const std::size_t row = task / parts.groups * parts.band_rows;
    const std::size_t first = task % parts.groups * parts.group_blocks;
    const std::size_t last = std::min(first + parts.group_blocks, count);
    if (row >= rows) return;
    for (std::size_t block = first; block < last; ++block) {
      const std::size_t column = block * width;
      const float* weights = layer.weights + column * layer.inputs;
      kernels.linear({
          .a = a + row * layer.inputs,
          .a_stride = layer.inputs,
          .rows = std::min(parts.band_rows, rows - row),
          .k = layer.inputs,
          .weights = weights,
          .next = block + 1 < last ? weights + width * layer.inputs : nullptr,
          .bias = layer.bias + column,
          .residual = residual + (residual ? row * layer.outputs + column : 0),
          .c = c + row * layer.outputs + column,
          .c_stride = layer.outputs,
          .columns = std::min(width, layer.outputs - column),
          .epilogue = epilogue,
      });
    }
  });
}

}  // namespace tenon::ops
