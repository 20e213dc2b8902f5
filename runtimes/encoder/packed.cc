#include "runtimes/encoder/packed.h"

#include <cstring>
#include <string_view>

#include "runtimes/ops/attention.h"
#include "runtimes/ops/linear.h"

namespace tenon::encoder {
namespace {

constexpr std::uint64_t kAlign = 16;  // floats: one cache line

// Hands out places one after another.
class Places {
 public:
  explicit Places(std::uint64_t first = 0) : next_(first) {}
  std::uint64_t take(std::uint64_t floats) {
    const std::uint64_t place = next_;
    next_ += (floats + kAlign - 1) / kAlign * kAlign;
    return place;
  }
  std::uint64_t bytes() const { return next_ * sizeof(float); }
  std::uint64_t next() const { return next_; }

 private:
  std::uint64_t next_;
};

// FNV-1a: against damage, not against malice; every offset is computed, none is read.
std::uint64_t digest(const void* data, std::size_t size) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char byte : std::string_view(static_cast<const char*>(data), size)) {
    hash = (hash ^ byte) * 0x100000001b3;
  }
  return hash;
}

// Looks tensors up and keeps what was wrong with them.
class Finder {
 public:
  Finder(const weights::Safetensors& file, std::string prefix)
      : file_(&file), prefix_(std::move(prefix)) {}

  const std::byte* find(const std::string& name, std::vector<std::uint64_t> shape) {
    const auto& tensors = file_->header().tensors;
    const auto found = tensors.find(prefix_ + name);
    if (found == tensors.end()) {
      complain("missing " + prefix_ + name + " " + tensor::to_string(shape));
      return nullptr;
    }
    const weights::TensorEntry& entry = found->second;
    if (entry.dtype != tensor::DType::kF32 || entry.shape != shape) {
      complain(found->first + " is " + std::string(tensor::name_of(entry.dtype)) + " " +
               tensor::to_string(entry.shape) + ", expected F32 " + tensor::to_string(shape));
      return nullptr;
    }
    return file_->view(entry).bytes.data();
  }

  SourceTensors::Pair linear(const std::string& name, std::uint64_t outputs, std::uint64_t inputs) {
    return {find(name + ".weight", {outputs, inputs}), find(name + ".bias", {outputs})};
  }

  SourceTensors::Pair norm(const std::string& name, std::uint64_t width) {
    return {find(name + ".weight", {width}), find(name + ".bias", {width})};
  }

  std::size_t count() const { return count_; }
  const std::string& complaints() const { return complaints_; }

 private:
  void complain(const std::string& text) {
    constexpr std::size_t kNamed = 12;
    if (count_ < kNamed) complaints_ += (count_ ? "; " : "") + text;
    ++count_;
    if (count_ == kNamed + 1) complaints_ += "; …";
  }

  const weights::Safetensors* file_;
  std::string prefix_;
  std::string complaints_;
  std::size_t count_ = 0;
};

void copy(float* memory, std::uint64_t place, const std::byte* source, std::uint64_t floats) {
  std::memcpy(memory + place, source, floats * sizeof(float));
}

}  // namespace

PackedLayout PackedLayout::of(const EncoderConfig& config, const ops::Kernels& kernels) {
  const std::uint64_t hidden = config.hidden;
  const std::uint64_t inner = config.intermediate;
  Places places((sizeof(PackedHeader) + 63) / 64 * kAlign);
  const auto norm = [&] {
    const std::uint64_t gain = places.take(hidden);
    return Norm{gain, places.take(hidden)};
  };
  const auto linear = [&](std::uint64_t inputs, std::uint64_t outputs) {
    return places.take(ops::PackedLinear::size(kernels, inputs, outputs));
  };
  PackedLayout layout;
  layout.positions = places.take(config.positions * hidden);
  layout.types = places.take(config.token_types * hidden);
  layout.embedding_norm = norm();
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    Layer& layer = layout.layers.emplace_back();
    layer.qkv = linear(hidden, 3 * hidden);
    layer.attention_out = linear(hidden, hidden);
    layer.attention_norm = norm();
    layer.up = linear(hidden, inner);
    layer.down = linear(inner, hidden);
    layer.output_norm = norm();
  }
  layout.bytes = places.bytes();
  return layout;
}

PackedHeader PackedHeader::of(const EncoderConfig& config, const ops::Kernels& kernels,
                              std::uint64_t source_bytes, std::uint64_t words) {
  const std::uint32_t shape[] = {config.hidden,       config.layers,     config.heads,
                                 config.intermediate, config.vocabulary, config.positions,
                                 config.token_types};
  PackedHeader header{};
  std::memcpy(header.magic, "TNNPACK", sizeof header.magic);
  header.layout_version = kLayoutVersion;
  header.isa = static_cast<std::uint32_t>(kernels.isa);
  header.config = digest(shape, sizeof shape);
  header.bytes = PackedLayout::of(config, kernels).bytes;
  header.source_bytes = source_bytes;
  header.words = words;
  header.checksum = digest(&header, sizeof header - sizeof header.checksum);
  return header;
}

Result<SourceTensors> find_tensors(const weights::Safetensors& file, const EncoderConfig& config) {
  const std::uint64_t hidden = config.hidden;
  const std::uint64_t inner = config.intermediate;
  const std::string prefix =
      file.header().tensors.contains("bert.embeddings.word_embeddings.weight") ? "bert." : "";
  Finder finder(file, prefix);
  SourceTensors source;
  source.words = finder.find("embeddings.word_embeddings.weight", {config.vocabulary, hidden});
  source.positions =
      finder.find("embeddings.position_embeddings.weight", {config.positions, hidden});
  source.types =
      finder.find("embeddings.token_type_embeddings.weight", {config.token_types, hidden});
  source.embedding_norm = finder.norm("embeddings.LayerNorm", hidden);
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    const std::string name = "encoder.layer." + std::to_string(i) + ".";
    SourceTensors::Layer& layer = source.layers.emplace_back();
    layer.query = finder.linear(name + "attention.self.query", hidden, hidden);
    layer.key = finder.linear(name + "attention.self.key", hidden, hidden);
    layer.value = finder.linear(name + "attention.self.value", hidden, hidden);
    layer.attention_out = finder.linear(name + "attention.output.dense", hidden, hidden);
    layer.attention_norm = finder.norm(name + "attention.output.LayerNorm", hidden);
    layer.up = finder.linear(name + "intermediate.dense", inner, hidden);
    layer.down = finder.linear(name + "output.dense", hidden, inner);
    layer.output_norm = finder.norm(name + "output.LayerNorm", hidden);
  }
  if (finder.count() > 0) {
    return tensor::fail(Error::Kind::kInvalid, "model.safetensors does not fit config.json in " +
                                                   std::to_string(finder.count()) +
                                                   " tensors: " + finder.complaints());
  }
  if (file.header().unclaimed_bytes > 0) {
    return tensor::fail(Error::Kind::kInvalid, "model.safetensors has " +
                                                   std::to_string(file.header().unclaimed_bytes) +
                                                   " bytes that belong to no tensor");
  }
  return source;
}

void pack_weights(const EncoderConfig& config, const ops::Kernels& kernels,
                  const SourceTensors& source, float* memory, ops::ThreadPool& pool) {
  const std::uint64_t hidden = config.hidden;
  const std::uint64_t inner = config.intermediate;
  const PackedLayout layout = PackedLayout::of(config, kernels);
  const auto norm = [&](const PackedLayout::Norm& place, const SourceTensors::Pair& pair) {
    copy(memory, place.gain, pair.weight, hidden);
    copy(memory, place.bias, pair.bias, hidden);
  };
  const auto linear = [&](std::uint64_t place, std::uint64_t inputs, std::uint64_t outputs,
                          const SourceTensors::Pair& pair) {
    const ops::LinearSource one[] = {{pair.weight, pair.bias, outputs}};
    ops::pack_linear(kernels, inputs, one, memory + place, pool);
  };
  copy(memory, layout.positions, source.positions, config.positions * hidden);
  copy(memory, layout.types, source.types, config.token_types * hidden);
  norm(layout.embedding_norm, source.embedding_norm);
  for (std::uint32_t i = 0; i < config.layers; ++i) {
    const PackedLayout::Layer& place = layout.layers[i];
    const SourceTensors::Layer& layer = source.layers[i];
    const ops::LinearSource qkv[] = {{layer.query.weight, layer.query.bias, hidden},
                                     {layer.key.weight, layer.key.bias, hidden},
                                     {layer.value.weight, layer.value.bias, hidden}};
    ops::pack_linear(kernels, hidden, qkv, memory + place.qkv, pool);
    linear(place.attention_out, hidden, hidden, layer.attention_out);
    norm(place.attention_norm, layer.attention_norm);
    linear(place.up, hidden, inner, layer.up);
    linear(place.down, inner, hidden, layer.down);
    norm(place.output_norm, layer.output_norm);
  }
}

std::uint64_t word_bytes(const EncoderConfig& config) {
  return std::uint64_t{config.vocabulary} * config.hidden * sizeof(float);
}

ScratchLayout scratch_layout(const EncoderConfig& config, const ops::Kernels& kernels,
                             std::uint64_t tokens, unsigned threads) {
  const std::uint64_t hidden = config.hidden;
  ScratchLayout layout{};
  Places places;
  layout.hidden = places.take(tokens * hidden);
  Places first_half(places.next());
  layout.qkv = first_half.take(tokens * 3 * hidden);
  layout.context = first_half.take(tokens * hidden);
  const ops::Attention shape{config.heads, config.hidden / config.heads};
  layout.attention = first_half.take(ops::attention_scratch_size(kernels, shape, tokens, threads));
  Places second_half(places.next());
  layout.up = second_half.take(tokens * config.intermediate);
  layout.bytes =
      first_half.bytes() > second_half.bytes() ? first_half.bytes() : second_half.bytes();
  return layout;
}

}  // namespace tenon::encoder
