#pragma once

#include <cstddef>

#include "runtimes/ops/isa.h"

namespace tenon::ops {

// What happens to a sum as it is stored.
enum class Epilogue : unsigned char { kBias, kBiasGelu, kBiasResidual };

// rows × k of `a` times one packed block of weights, k × Kernels::block_columns.
struct LinearBlock {
  const float* a;
  std::size_t a_stride;  // floats from row to row
  std::size_t rows;
  std::size_t k;
  const float* weights;   // [k][block_columns], 64-byte aligned
  const float* next;      // the block that this thread will want next, or null
  const float* bias;      // [block_columns]
  const float* residual;  // added where the epilogue says so; laid out as c; may be c itself
  float* c;
  std::size_t c_stride;
  std::size_t columns;  // of c: at most block_columns
  Epilogue epilogue;
};

// One head of one sequence: out = softmax(q·kᵀ / √d)·v.
struct AttentionHead {
  const float* q;  // the first row of each
  const float* k;
  const float* v;
  std::size_t stride;  // floats from row to row, of all three
  std::size_t tokens;
  std::size_t dim;
  float* out;
  std::size_t out_stride;
  float* scratch;  // Kernels::attention_scratch(tokens, dim) floats, 64-byte aligned
};

struct NormRows {
  const float* input;  // rows × width, without gaps
  const float* gain;
  const float* bias;
  float* out;  // may be the input
  std::size_t rows;
  std::size_t width;
  float epsilon;
};

// The kernels of one instruction set. They trust their input; every result is the same whatever
// else the call computes beside it: a sum is always taken in one order, whichever tile it falls
// into.
struct Kernels {
  Isa isa;
  std::size_t block_columns;
  std::size_t row_step;  // rows that one tile takes: bands are multiples of it
  void (*linear)(const LinearBlock&);
  std::size_t (*attention_scratch)(std::size_t tokens, std::size_t dim);
  void (*attention)(const AttentionHead&);
  void (*layer_norm)(const NormRows&);
  void (*add)(const float* a, const float* b, float* out, std::size_t n);
};

const Kernels& kernels_for(Isa isa);

// One for each translation unit.
namespace scalar {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}

}  // namespace tenon::ops
