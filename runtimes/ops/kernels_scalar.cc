#include <cmath>

#include "runtimes/ops/kernels.h"

// The reference that the other paths are held to: what the operators mean, with no thought of
// speed.
namespace tenon::ops::scalar {
namespace {

constexpr std::size_t kBlockColumns = 16;

float gelu(float x) {
  const double value = x;
  return static_cast<float>(0.5 * value * (1.0 + std::erf(value * 0.70710678118654752)));
}

float finish(const LinearBlock& job, std::size_t row, std::size_t column, float sum) {
  switch (job.epilogue) {
    case Epilogue::kBias:
      return sum;
    case Epilogue::kBiasGelu:
      return gelu(sum);
    case Epilogue::kBiasResidual:
      return sum + job.residual[row * job.c_stride + column];
  }
  return sum;
}

void linear(const LinearBlock& job) {
  for (std::size_t row = 0; row < job.rows; ++row) {
    float sums[kBlockColumns];
    for (std::size_t column = 0; column < kBlockColumns; ++column) {
      sums[column] = job.bias[column];
    }
    for (std::size_t k = 0; k < job.k; ++k) {
      const float value = job.a[row * job.a_stride + k];
      for (std::size_t column = 0; column < kBlockColumns; ++column) {
        sums[column] += value * job.weights[k * kBlockColumns + column];
      }
    }
    for (std::size_t column = 0; column < job.columns; ++column) {
      job.c[row * job.c_stride + column] = finish(job, row, column, sums[column]);
    }
  }
}

std::size_t attention_scratch(std::size_t tokens, std::size_t) {
  return tokens;
}

void attention(const AttentionHead& head) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(head.dim));
  float* weights = head.scratch;
  for (std::size_t query = 0; query < head.tokens; ++query) {
    float largest = -INFINITY;
    for (std::size_t key = 0; key < head.tokens; ++key) {
      float score = 0;
      for (std::size_t i = 0; i < head.dim; ++i) {
        score += head.q[query * head.stride + i] * head.k[key * head.stride + i];
      }
      weights[key] = score * scale;
      largest = std::fmax(largest, weights[key]);
    }
    float total = 0;
    for (std::size_t key = 0; key < head.tokens; ++key) {
      weights[key] = std::exp(weights[key] - largest);
      total += weights[key];
    }
    for (std::size_t i = 0; i < head.dim; ++i) {
      float sum = 0;
      for (std::size_t key = 0; key < head.tokens; ++key) {
        sum += weights[key] * head.v[key * head.stride + i];
      }
      head.out[query * head.out_stride + i] = sum / total;
    }
  }
}

void layer_norm(const NormRows& job) {
  for (std::size_t row = 0; row < job.rows; ++row) {
    const float* in = job.input + row * job.width;
    float* out = job.out + row * job.width;
    double sum = 0;
    for (std::size_t i = 0; i < job.width; ++i) sum += in[i];
    const double mean = sum / static_cast<double>(job.width);
    double squares = 0;
    for (std::size_t i = 0; i < job.width; ++i) squares += (in[i] - mean) * (in[i] - mean);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(job.width) + job.epsilon);
    for (std::size_t i = 0; i < job.width; ++i) {
      out[i] = static_cast<float>((in[i] - mean) * scale) * job.gain[i] + job.bias[i];
    }
  }
}

void add(const float* a, const float* b, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

}  // namespace

const Kernels kKernels = {Isa::kScalar,      kBlockColumns, 1,          linear,
                          attention_scratch, attention,     layer_norm, add};

}  // namespace tenon::ops::scalar
