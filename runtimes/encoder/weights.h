#pragma once

#include <span>
#include <vector>

#include "runtimes/encoder/config.h"
#include "runtimes/ops/linear.h"
#include "runtimes/ops/rows.h"
#include "runtimes/tensor/mapping.h"

namespace tenon::encoder {

struct Layer {
  ops::PackedLinear qkv;
  ops::PackedLinear attention_out;
  ops::LayerNorm attention_norm;
  ops::PackedLinear up;
  ops::PackedLinear down;
  ops::LayerNorm output_norm;
};

// Views into two mappings, and the mappings that they live in.
struct Weights {
  EncoderConfig config;
  const ops::Kernels* kernels = nullptr;
  tensor::Mapping packed;
  tensor::Mapping source;  // model.safetensors, for the word embeddings
  ops::EmbeddingTables tables{};
  ops::LayerNorm embedding_norm{};
  std::vector<Layer> layers;
};

}  // namespace tenon::encoder
