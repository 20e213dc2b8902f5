#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtimes/encoder/config.h"
#include "runtimes/ops/kernels.h"
#include "runtimes/ops/thread_pool.h"
#include "runtimes/weights/safetensors.h"

// Inside of the encoder: how its weights lie in a packed file, and the scratch of a computation.
namespace tenon::encoder {

// Floats from the packed file's start. A function of the config and the instruction set alone: the
// file itself holds no offset that could be wrong.
struct PackedLayout {
  struct Norm {
    std::uint64_t gain;
    std::uint64_t bias;
  };
  struct Layer {
    std::uint64_t qkv;
    std::uint64_t attention_out;
    Norm attention_norm;
    std::uint64_t up;
    std::uint64_t down;
    Norm output_norm;
  };
  std::uint64_t positions;
  std::uint64_t types;
  Norm embedding_norm;
  std::vector<Layer> layers;
  std::uint64_t bytes;  // of the whole file

  static PackedLayout of(const EncoderConfig& config, const ops::Kernels& kernels);
};

// Changes whenever PackedLayout or a kernel's packing does.
inline constexpr std::uint32_t kLayoutVersion = 1;

// What a packed file begins with; 64-byte aligned data follows. It is checked against one made
// anew.
struct PackedHeader {
  char magic[8];
  std::uint32_t layout_version;
  std::uint32_t isa;
  std::uint64_t config;        // digest of what the layout depends on
  std::uint64_t bytes;         // of this file
  std::uint64_t source_bytes;  // of model.safetensors
  std::uint64_t words;         // where in it the word embeddings begin
  std::uint64_t checksum;      // of the fields above

  static PackedHeader of(const EncoderConfig& config, const ops::Kernels& kernels,
                         std::uint64_t source_bytes, std::uint64_t words);
};
static_assert(sizeof(PackedHeader) == 56);

// The tensors of model.safetensors that the encoder needs, each of the right shape.
struct SourceTensors {
  struct Pair {
    const std::byte* weight;
    const std::byte* bias;
  };
  struct Layer {
    Pair query, key, value, attention_out, attention_norm, up, down, output_norm;
  };
  const std::byte* words;
  const std::byte* positions;
  const std::byte* types;
  Pair embedding_norm;
  std::vector<Layer> layers;
};

// Names may begin with "bert."; tensors that nobody asks for are ignored. One message names all
// that are missing or of another shape or dtype.
Result<SourceTensors> find_tensors(const weights::Safetensors& file, const EncoderConfig& config);

void pack_weights(const EncoderConfig& config, const ops::Kernels& kernels,
                  const SourceTensors& source, float* memory, ops::ThreadPool& pool);

std::uint64_t word_bytes(const EncoderConfig& config);

// Floats from the scratch memory's start. What the two halves of a layer need shares its place.
struct ScratchLayout {
  std::uint64_t hidden;
  std::uint64_t qkv;
  std::uint64_t context;
  std::uint64_t attention;
  std::uint64_t up;
  std::uint64_t bytes;
};

// For `tokens` rows in one go; no sequence is longer.
ScratchLayout scratch_layout(const EncoderConfig& config, const ops::Kernels& kernels,
                             std::uint64_t tokens, unsigned threads);

}  // namespace tenon::encoder
