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

using Four = float __attribute__((vector_size(16)));

Four load_four(const std::byte* from) {
  Four values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

// Four inputs of four outputs, turned: memory[i · width + o].
void pack_four(const Output (&outputs)[4], std::size_t input, float* memory, std::size_t width) {
  const std::size_t at = input * sizeof(float);
  const Four a = load_four(outputs[0].weights + at);
  const Four b = load_four(outputs[1].weights + at);
  const Four c = load_four(outputs[2].weights + at);
  const Four d = load_four(outputs[3].weights + at);
  const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  const Four turned[4] = {__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
                          __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
                          __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
                          __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
  for (std::size_t i = 0; i < 4; ++i) std::memcpy(memory + i * width, &turned[i], sizeof turned[i]);
}

// The same for whatever is left at the edges; an output that is not there is zero.
void pack_edge(const Output (&outputs)[4], std::size_t input, std::size_t end, float* memory,
               std::size_t width) {
  for (std::size_t i = input; i < end; ++i) {
    for (std::size_t o = 0; o < 4; ++o) {
      float value = 0;
      if (outputs[o].weights)
        std::memcpy(&value, outputs[o].weights + i * sizeof value, sizeof value);
      memory[(i - input) * width + o] = value;
    }
  }
}

void pack_block(std::size_t width, std::size_t inputs, std::span<const LinearSource> sources,
                std::size_t first, float* weights, float* bias) {
  // A cache line of every output's row at a time: what is written stays in the first level cache.
  constexpr std::size_t kStep = 16;
  for (std::size_t start = 0; start < inputs; start += kStep) {
    const std::size_t end = std::min(start + kStep, inputs);
    for (std::size_t column = 0; column < width; column += 4) {
      Output outputs[4];
      for (std::size_t o = 0; o < 4; ++o)
        outputs[o] = find_output(sources, inputs, first + column + o);
      std::size_t input = start;
      if (outputs[3].weights) {
        for (; input + 4 <= end; input += 4)
          pack_four(outputs, input, weights + input * width + column, width);
      }
      pack_edge(outputs, input, end, weights + input * width + column, width);
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
