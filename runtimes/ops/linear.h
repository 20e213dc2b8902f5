#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtimes/ops/kernels.h"
#include "runtimes/ops/thread_pool.h"

namespace tenon::ops {

// A weight matrix and its bias laid out for one instruction set: blocks of Kernels::block_columns
// outputs, inside a block [inputs][block_columns], then all biases. What is missing of the last
// block is zero. The memory is somebody else's, 64-byte aligned.
struct PackedLinear {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  const float* weights = nullptr;
  const float* bias = nullptr;

  // Floats that weights and bias take together.
  static std::size_t size(const Kernels& kernels, std::size_t inputs, std::size_t outputs);
  // `memory` holds size() floats.
  static PackedLinear at(const Kernels& kernels, std::size_t inputs, std::size_t outputs,
                         const float* memory);
};

// Rows of a matrix as model files keep it: outputs × inputs, any alignment.
struct LinearSource {
  const std::byte* weights;
  const std::byte* bias;
  std::size_t outputs;
};

// Packs matrices that share their inputs side by side (query, key and value, say) into `memory`.
void pack_linear(const Kernels& kernels, std::size_t inputs, std::span<const LinearSource> sources,
                 float* memory, ThreadPool& pool);

// c = epilogue(a · weights + bias): a is rows × inputs, c and residual are rows × outputs, without
// gaps. c may be the residual, not a.
void linear(const Kernels& kernels, const PackedLinear& layer, const float* a, std::size_t rows,
            Epilogue epilogue, const float* residual, float* c, ThreadPool& pool);

}  // namespace tenon::ops
