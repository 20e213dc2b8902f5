// The vector kernels, written once over a vector type and compiled once for each instruction set.
// The including file defines `Vec`'s operations in its own namespace before it includes this one.
//
// Nothing inline from the standard library may be used here: the linker keeps one copy of such a
// function, and it could be the one that an older processor cannot run.
#pragma once

#include <cstddef>

#include "runtimes/ops/kernels.h"

#ifndef TENON_ISA_NAMESPACE
#error "included by kernels_avx2.cc and kernels_avx512.cc only"
#endif

namespace tenon::ops::TENON_ISA_NAMESPACE {
namespace {

// A tile is kTileRows rows by kTileVectors vectors: its sums stay in registers.
constexpr std::size_t kBlockColumns = kTileVectors * kLanes;

constexpr std::size_t round_up(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

constexpr std::size_t smaller(std::size_t a, std::size_t b) {
  return a < b ? a : b;
}

// How many rows the next tile takes, so that no tile is left with a few: 16 is 6 + 5 + 5.
inline std::size_t next_rows(std::size_t left) {
  const std::size_t tiles = (left + kTileRows - 1) / kTileRows;
  return (left + tiles - 1) / tiles;
}

// 2^x for x <= 0; below 2^-126 it is 0 or tiny.
inline Vec exp2_nonpositive(Vec x) {
  x = max(x, set(-126.0F));
  const Vec whole = round(x);
  const Vec f = sub(x, whole);
  Vec p = set(1.53457731e-04F);
  p = fma(p, f, set(1.33999309e-03F));
  p = fma(p, f, set(9.61848907e-03F));
  p = fma(p, f, set(5.55032864e-02F));
  p = fma(p, f, set(2.40226462e-01F));
  p = fma(p, f, set(6.93147182e-01F));
  p = fma(p, f, set(1.0F));
  return scale_by_power(p, whole);
}

// x·Φ(x) = x/2·(1 + erf(x/√2)). erf is a ratio of polynomials, fitted to a relative error of 6.5e-8
// up to 4, where it is 1 in float.
inline Vec gelu(Vec x) {
  const Vec half = mul(x, set(0.5F));
  const Vec z = max(min(mul(x, set(0.707106781F)), set(4.0F)), set(-4.0F));
  const Vec t = mul(z, z);
  Vec p = set(1.91103471e-08F);
  p = fma(p, t, set(-1.94174527e-06F));
  p = fma(p, t, set(1.47179948e-04F));
  p = fma(p, t, set(3.98651976e-03F));
  p = fma(p, t, set(5.15123978e-02F));
  p = fma(p, t, set(2.07033247e-01F));
  p = fma(p, t, set(1.12837911F));
  Vec q = set(1.02009857e-03F);
  q = fma(q, t, set(1.49499942e-02F));
  q = fma(q, t, set(1.17932424e-01F));
  q = fma(q, t, set(5.16809702e-01F));
  q = fma(q, t, set(1.0F));
  const Vec erf = mul(mul(z, p), reciprocal(q));
  return fma(half, erf, half);
}

// Memory to be brought near while a tile is computed, a line at each step.
struct Next {
  const float* at;
  std::size_t step;  // floats
};

// sums[r][v] += a's row r times b; b is [k][b_stride].
template <std::size_t Rows, std::size_t Vectors>
[[gnu::always_inline]] inline void multiply(Vec (&sums)[Rows][Vectors], const float* a,
                                            std::size_t a_stride, const float* b,
                                            std::size_t b_stride, std::size_t k, Next next) {
  for (std::size_t i = 0; i < k; ++i, next.at += next.step) {
    Vec column[Vectors];
    __builtin_prefetch(next.at, 0, 2);
#pragma clang loop unroll(full)
    for (std::size_t v = 0; v < Vectors; ++v) column[v] = load(b + i * b_stride + v * kLanes);
#pragma clang loop unroll(full)
    for (std::size_t r = 0; r < Rows; ++r) {
      const Vec value = set(a[r * a_stride + i]);
#pragma clang loop unroll(full)
      for (std::size_t v = 0; v < Vectors; ++v) sums[r][v] = fma(value, column[v], sums[r][v]);
    }
  }
}

template <Epilogue Kind>
inline Vec finish(Vec sum, Vec residual) {
  if constexpr (Kind == Epilogue::kBiasGelu) return gelu(sum);
  if constexpr (Kind == Epilogue::kBiasResidual) return add(sum, residual);
  return sum;
}

template <std::size_t Rows, Epilogue Kind>
void linear_tile(const LinearBlock& job, std::size_t row, Next next) {
  Vec sums[Rows][kTileVectors];
  for (std::size_t v = 0; v < kTileVectors; ++v) {
    const Vec bias = load(job.bias + v * kLanes);
    for (std::size_t r = 0; r < Rows; ++r) sums[r][v] = bias;
  }
  multiply(sums, job.a + row * job.a_stride, job.a_stride, job.weights, kBlockColumns, job.k, next);
  for (std::size_t r = 0; r < Rows; ++r) {
    const std::size_t start = (row + r) * job.c_stride;
    for (std::size_t v = 0; v < kTileVectors; ++v) {
      const std::size_t column = v * kLanes;
      if (column + kLanes <= job.columns) [[likely]] {
        Vec residual = zero();
        if constexpr (Kind == Epilogue::kBiasResidual)
          residual = load(job.residual + start + column);
        store(job.c + start + column, finish<Kind>(sums[r][v], residual));
      } else if (column < job.columns) {
        const std::size_t n = job.columns - column;
        Vec residual = zero();
        if constexpr (Kind == Epilogue::kBiasResidual)
          residual = load_part(job.residual + start + column, n);
        store_part(job.c + start + column, finish<Kind>(sums[r][v], residual), n);
      }
    }
  }
}

template <Epilogue Kind>
void linear_rows(const LinearBlock& job) {
  // The next block comes in while this one's first tiles are computed, a line at each of their
  // steps.
  std::size_t lines = job.next ? kBlockColumns * sizeof(float) / 64 * job.k : 0;
  Next next{job.next, 16};
  for (std::size_t row = 0; row < job.rows;) {
    const std::size_t rows = next_rows(job.rows - row);
    if (lines < job.k) next = {job.weights, 0};
    switch (rows) {
      case 1:
        linear_tile<1, Kind>(job, row, next);
        break;
      case 2:
        linear_tile<2, Kind>(job, row, next);
        break;
      case 3:
        linear_tile<3, Kind>(job, row, next);
        break;
      case 4:
        linear_tile<4, Kind>(job, row, next);
        break;
      case 5:
        linear_tile<5, Kind>(job, row, next);
        break;
      default:
        linear_tile<6, Kind>(job, row, next);
        break;
    }
    row += rows;
    next.at += job.k * next.step;
    lines -= smaller(lines, job.k);
  }
}

void linear(const LinearBlock& job) {
  switch (job.epilogue) {
    case Epilogue::kBias:
      return linear_rows<Epilogue::kBias>(job);
    case Epilogue::kBiasGelu:
      return linear_rows<Epilogue::kBiasGelu>(job);
    case Epilogue::kBiasResidual:
      return linear_rows<Epilogue::kBiasResidual>(job);
  }
}

// Where an attention task keeps its parts: keys turned to [block][dim][kBlockColumns], values
// without gaps and padded to whole vectors, the scores of one tile of queries.
struct AttentionScratch {
  std::size_t padded_tokens;
  std::size_t padded_dim;
  std::size_t values;  // where each begins; the keys begin at 0
  std::size_t scores;
  std::size_t size;
};

inline AttentionScratch scratch_of(std::size_t tokens, std::size_t dim) {
  AttentionScratch at{};
  at.padded_tokens = round_up(tokens, kLanes);
  at.padded_dim = round_up(dim, kLanes);
  at.values = round_up(tokens, kBlockColumns) * dim;
  at.scores = at.values + tokens * at.padded_dim;
  at.size = at.scores + kTileRows * at.padded_tokens;
  return at;
}

std::size_t attention_scratch(std::size_t tokens, std::size_t dim) {
  return scratch_of(tokens, dim).size;
}

inline void turn_keys(const AttentionHead& head) {
  const std::size_t padded = round_up(head.tokens, kLanes);
  for (std::size_t first = 0; first < head.tokens; first += kBlockColumns) {
    float* block = head.scratch + first * head.dim;
    const std::size_t keys = smaller(kBlockColumns, head.tokens - first);
    const std::size_t wide = smaller(kBlockColumns, padded - first);
    for (std::size_t i = 0; i < head.dim; ++i) {
      for (std::size_t key = keys; key < wide; ++key) block[i * kBlockColumns + key] = 0;
    }
    for (std::size_t key = 0; key < keys; ++key) {
      const float* row = head.k + (first + key) * head.stride;
      for (std::size_t i = 0; i < head.dim; ++i) block[i * kBlockColumns + key] = row[i];
    }
  }
}

inline void gather_values(const AttentionHead& head, const AttentionScratch& at) {
  float* out = head.scratch + at.values;
  for (std::size_t key = 0; key < head.tokens; ++key, out += at.padded_dim) {
    const float* row = head.v + key * head.stride;
    std::size_t i = 0;
    for (; i + kLanes <= head.dim; i += kLanes) store(out + i, load(row + i));
    if (i < head.dim) store(out + i, load_part(row + i, head.dim - i));
  }
}

template <std::size_t Rows, std::size_t Vectors>
inline void score_tile(const AttentionHead& head, std::size_t query, std::size_t first,
                       float* scores, std::size_t stride) {
  Vec sums[Rows][Vectors];
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v) sums[r][v] = zero();
  }
  const std::size_t inside = first % kBlockColumns;
  multiply(sums, head.q + query * head.stride, head.stride,
           head.scratch + (first - inside) * head.dim + inside, kBlockColumns, head.dim,
           Next{head.scratch, 0});
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v)
      store(scores + r * stride + first + v * kLanes, sums[r][v]);
  }
}

// Turns a row of scores into weights in place, zeros behind the last token, and returns their sum's
// reciprocal.
inline float soften(float* scores, std::size_t tokens, std::size_t padded, float scale) {
  for (std::size_t i = tokens; i < padded; ++i) scores[i] = -__builtin_inff();
  Vec largest = load(scores);
  for (std::size_t i = kLanes; i < padded; i += kLanes) largest = max(largest, load(scores + i));
  const float top = reduce_max(largest) * scale;
  const Vec shift = set(-top);
  const Vec factor = set(scale);
  Vec total = zero();
  for (std::size_t i = 0; i < padded; i += kLanes) {
    Vec weight = exp2_nonpositive(min(fma(load(scores + i), factor, shift), zero()));
    if (i + kLanes > tokens) weight = keep_first(weight, tokens - i);
    store(scores + i, weight);
    total = add(total, weight);
  }
  return 1.0F / reduce_add(total);
}

template <std::size_t Rows, std::size_t Vectors>
inline void value_tile(const AttentionHead& head, const AttentionScratch& at, std::size_t query,
                       std::size_t column, const float (&scales)[kTileRows]) {
  Vec sums[Rows][Vectors];
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v) sums[r][v] = zero();
  }
  multiply(sums, head.scratch + at.scores, at.padded_tokens, head.scratch + at.values + column,
           at.padded_dim, head.tokens, Next{head.scratch, 0});
  for (std::size_t r = 0; r < Rows; ++r) {
    float* out = head.out + (query + r) * head.out_stride + column;
    for (std::size_t v = 0; v < Vectors; ++v) {
      const Vec value = mul(sums[r][v], set(scales[r]));
      const std::size_t left = head.dim - column - v * kLanes;
      if (left >= kLanes) {
        store(out + v * kLanes, value);
      } else {
        store_part(out + v * kLanes, value, left);
      }
    }
  }
}

template <std::size_t Rows>
void attention_rows(const AttentionHead& head, const AttentionScratch& at, std::size_t query,
                    float scale) {
  float* scores = head.scratch + at.scores;
  std::size_t first = 0;
  for (; first + kBlockColumns <= at.padded_tokens; first += kBlockColumns) {
    score_tile<Rows, kTileVectors>(head, query, first, scores, at.padded_tokens);
  }
  for (; first + 2 * kLanes <= at.padded_tokens; first += 2 * kLanes) {
    score_tile<Rows, 2>(head, query, first, scores, at.padded_tokens);
  }
  if (first < at.padded_tokens) score_tile<Rows, 1>(head, query, first, scores, at.padded_tokens);

  float scales[kTileRows];
  for (std::size_t r = 0; r < Rows; ++r) {
    scales[r] = soften(scores + r * at.padded_tokens, head.tokens, at.padded_tokens, scale);
  }
  std::size_t column = 0;
  for (; column + 2 * kLanes <= at.padded_dim; column += 2 * kLanes) {
    value_tile<Rows, 2>(head, at, query, column, scales);
  }
  if (column < at.padded_dim) value_tile<Rows, 1>(head, at, query, column, scales);
}

void attention(const AttentionHead& head) {
  const AttentionScratch at = scratch_of(head.tokens, head.dim);
  turn_keys(head);
  gather_values(head, at);
  // The softmax works with powers of two.
  const float scale = 1.44269504F / __builtin_sqrtf(static_cast<float>(head.dim));
  for (std::size_t query = 0; query < head.tokens;) {
    const std::size_t rows = next_rows(head.tokens - query);
    switch (rows) {
      case 1:
        attention_rows<1>(head, at, query, scale);
        break;
      case 2:
        attention_rows<2>(head, at, query, scale);
        break;
      case 3:
        attention_rows<3>(head, at, query, scale);
        break;
      case 4:
        attention_rows<4>(head, at, query, scale);
        break;
      case 5:
        attention_rows<5>(head, at, query, scale);
        break;
      default:
        attention_rows<6>(head, at, query, scale);
        break;
    }
    query += rows;
  }
}

// The last, incomplete vector of a row is read and written in part.
inline Vec load_at(const float* row, std::size_t i, std::size_t width) {
  return i + kLanes <= width ? load(row + i) : load_part(row + i, width - i);
}

inline void store_at(float* row, std::size_t i, std::size_t width, Vec value) {
  if (i + kLanes <= width) {
    store(row + i, value);
  } else {
    store_part(row + i, value, width - i);
  }
}

void layer_norm(const NormRows& job) {
  const float share = 1.0F / static_cast<float>(job.width);
  for (std::size_t row = 0; row < job.rows; ++row) {
    const float* in = job.input + row * job.width;
    float* out = job.out + row * job.width;
    Vec sum = zero();
    for (std::size_t i = 0; i < job.width; i += kLanes) sum = add(sum, load_at(in, i, job.width));
    const Vec mean = set(reduce_add(sum) * share);
    Vec squares = zero();
    for (std::size_t i = 0; i < job.width; i += kLanes) {
      Vec off = sub(load_at(in, i, job.width), mean);
      if (i + kLanes > job.width) off = keep_first(off, job.width - i);
      squares = fma(off, off, squares);
    }
    const Vec scale = set(1.0F / __builtin_sqrtf(reduce_add(squares) * share + job.epsilon));
    for (std::size_t i = 0; i < job.width; i += kLanes) {
      const Vec off = mul(sub(load_at(in, i, job.width), mean), scale);
      store_at(out, i, job.width,
               fma(off, load_at(job.gain, i, job.width), load_at(job.bias, i, job.width)));
    }
  }
}

void add(const float* a, const float* b, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += kLanes)
    store_at(out, i, n, add(load_at(a, i, n), load_at(b, i, n)));
}

}  // namespace

const Kernels kKernels = {kIsa,      kBlockColumns, kTileRows, linear, attention_scratch,
                          attention, layer_norm,    add};

}  // namespace tenon::ops::TENON_ISA_NAMESPACE
