#include "runtimes/ops/linear.h"

#include <algorithm>
#include <cstring>

namespace tenon::ops {
namespace {

std::size_t blocks(const Kernels& kernels, std::size_t outputs) {
  return (outputs + kernels.block_columns - 1) / kernels.block_columns;
}

// Rows that are worked on before the next block of weights: the block is read again from the second
// level cache, and the rows stay there too.
constexpr std::size_t kBandRows = 96;

struct Bands {
  std::size_t count;
  std::size_t rows;
};

Bands bands_of(std::size_t rows, std::size_t row_step) {
  const std::size_t count = (rows + kBandRows - 1) / kBandRows;
  const std::size_t even = (rows + count - 1) / count;
  return {count, (even + row_step - 1) / row_step * row_step};
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
  const std::size_t columns = blocks(kernels, layer.outputs);
  const Bands bands = bands_of(rows, kernels.row_step);
  pool.run(static_cast<std::uint32_t>(bands.count * columns), [&](std::uint32_t task) {
    const std::size_t row = task / columns * bands.rows;
    const std::size_t column = task % columns * width;
    if (row >= rows) return;
    kernels.linear({
        .a = a + row * layer.inputs,
        .a_stride = layer.inputs,
        .rows = std::min(bands.rows, rows - row),
        .k = layer.inputs,
        .weights = layer.weights + column * layer.inputs,
        .bias = layer.bias + column,
        .residual = residual + (residual ? row * layer.outputs + column : 0),
        .c = c + row * layer.outputs + column,
        .c_stride = layer.outputs,
        .columns = std::min(width, layer.outputs - column),
        .epilogue = epilogue,
    });
  });
}

}  // namespace tenon::ops
