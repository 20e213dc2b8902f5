#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtimes/tensor/error.h"

namespace tenon::encoder {

using tensor::Error;
using tensor::Result;

// How the token embeddings of a sequence become one.
enum class Pooling : std::uint8_t { kMean, kCls, kMax };

std::string_view name_of(Pooling pooling);  // "mean", "cls", "max"
// An unknown name is an error that lists the known ones.
Result<Pooling> pooling_of(std::string_view name);

// What a model folder says about a text encoder: config.json, 1_Pooling/config.json and
// sentence_*_config.json. Metadata only; no weight is touched.
struct EncoderConfig {
  std::string model_type;  // "bert"
  std::uint32_t hidden = 0;
  std::uint32_t layers = 0;
  std::uint32_t heads = 0;
  std::uint32_t intermediate = 0;
  std::uint32_t vocabulary = 0;
  std::uint32_t positions = 0;  // the longest sequence that the weights allow
  std::uint32_t token_types = 0;
  double layer_norm_eps = 0;
  Pooling pooling = Pooling::kCls;  // 1_Pooling/config.json; CLS where there is none
  std::uint32_t max_tokens = 0;     // the longest input to serve, special tokens included

  static Result<EncoderConfig> from_folder(const std::string& folder);
};

// Bytes that serving the model takes.
struct Footprint {
  std::uint64_t mapped = 0;     // weights: file pages, shared and evictable
  std::uint64_t anonymous = 0;  // scratch of one Session
};

// From the config and the header of model.safetensors alone.
Result<Footprint> estimate(const std::string& folder, const EncoderConfig& config);

}  // namespace tenon::encoder
