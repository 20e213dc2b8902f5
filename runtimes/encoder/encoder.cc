#include "runtimes/encoder/encoder.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtimes/encoder/packed.h"
#include "runtimes/encoder/weights.h"
#include "runtimes/weights/safetensors.h"

namespace tenon::encoder {
namespace {

constexpr const char* kPacked = "the packed weights";

std::unexpected<Error> invalid(std::string message) {
  return tensor::fail(Error::Kind::kInvalid, std::move(message));
}

// Points every view at its place.
std::unique_ptr<Weights> wire(const EncoderConfig& config, const ops::Kernels& kernels,
                              tensor::Mapping packed, tensor::Mapping source, std::uint64_t words) {
  auto weights = std::make_unique<Weights>();
  weights->config = config;
  weights->kernels = &kernels;
  weights->packed = std::move(packed);
  weights->source = std::move(source);
  const auto* memory = reinterpret_cast<const float*>(weights->packed.bytes().data());
  const PackedLayout layout = PackedLayout::of(config, kernels);
  const auto norm = [&](const PackedLayout::Norm& place) {
    return ops::LayerNorm{memory + place.gain, memory + place.bias,
                          static_cast<float>(config.layer_norm_eps)};
  };
  const auto linear = [&](std::uint64_t place, std::size_t inputs, std::size_t outputs) {
    return ops::PackedLinear::at(kernels, inputs, outputs, memory + place);
  };
  weights->tables = {weights->source.bytes().data() + words, memory + layout.positions,
                     memory + layout.types};
  weights->embedding_norm = norm(layout.embedding_norm);
  for (const PackedLayout::Layer& place : layout.layers) {
    weights->layers.push_back({
        .qkv = linear(place.qkv, config.hidden, 3UL * config.hidden),
        .attention_out = linear(place.attention_out, config.hidden, config.hidden),
        .attention_norm = norm(place.attention_norm),
        .up = linear(place.up, config.hidden, config.intermediate),
        .down = linear(place.down, config.intermediate, config.hidden),
        .output_norm = norm(place.output_norm),
    });
  }
  return weights;
}

// Brings the pages in by all threads at once. What the kernel cannot do comes in at the first
// touch.
void populate(std::span<const std::byte> bytes, ops::ThreadPool& pool) {
#ifdef MADV_POPULATE_READ
  constexpr std::size_t kPiece = 2UL << 20;
  const auto pieces = static_cast<std::uint32_t>((bytes.size() + kPiece - 1) / kPiece);
  pool.run(pieces, [&](std::uint32_t piece) {
    const auto part =
        bytes.subspan(piece * kPiece, std::min(kPiece, bytes.size() - piece * kPiece));
    madvise(const_cast<std::byte*>(part.data()), part.size(), MADV_POPULATE_READ);
  });
#endif
}

Result<PackedHeader> check_header(const tensor::Mapping& packed, const EncoderConfig& config,
                                  const ops::Kernels& kernels) {
  PackedHeader found;
  if (packed.bytes().size() < sizeof found) return invalid(std::string(kPacked) + " are cut short");
  std::memcpy(&found, packed.bytes().data(), sizeof found);
  const PackedHeader wanted = PackedHeader::of(config, kernels, found.source_bytes, found.words);
  if (std::memcmp(&found, &wanted, sizeof found) != 0) {
    return invalid(std::string(kPacked) + " are of another layout, model or instruction set");
  }
  if (packed.bytes().size() != found.bytes) {
    return invalid(std::string(kPacked) + " have " + std::to_string(packed.bytes().size()) +
                   " bytes, expected " + std::to_string(found.bytes));
  }
  return found;
}

}  // namespace

std::string Encoder::packed_name(ops::Isa isa) {
  return "packed-v" + std::to_string(kLayoutVersion) + "-" + std::string(ops::name_of(isa));
}

Result<Encoder> Encoder::pack(const std::string& folder, const EncoderConfig& config, ops::Isa isa,
                              ops::ThreadPool& pool, int fd) {
  const ops::Kernels& kernels = ops::kernels_for(isa);
  auto file = weights::Safetensors::open_folder(folder);
  if (!file) return std::unexpected(file.error());
  const auto source = find_tensors(*file, config);
  if (!source) return tensor::fail(source.error().kind, folder + ": " + source.error().message);

  const std::uint64_t bytes = PackedLayout::of(config, kernels).bytes;
  auto packed =
      fd < 0 ? tensor::Mapping::anonymous(bytes) : tensor::Mapping::grow(fd, bytes, kPacked);
  if (!packed) return std::unexpected(packed.error());
  pack_weights(config, kernels, *source, reinterpret_cast<float*>(packed->writable().data()), pool);

  tensor::Mapping whole = std::move(*file).release();
  const auto words = static_cast<std::uint64_t>(source->words - whole.bytes().data());
  const PackedHeader header = PackedHeader::of(config, kernels, whole.bytes().size(), words);
  std::memcpy(packed->writable().data(), &header, sizeof header);
  if (const auto sealed = packed->seal(); !sealed) return std::unexpected(sealed.error());
  return Encoder(wire(config, kernels, std::move(*packed), std::move(whole), words));
}

Result<Encoder> Encoder::map(const std::string& folder, const EncoderConfig& config, ops::Isa isa,
                             int fd, ops::ThreadPool* pool) {
  const ops::Kernels& kernels = ops::kernels_for(isa);
  auto packed = tensor::Mapping::file(fd, kPacked);
  if (!packed) return std::unexpected(packed.error());
  const auto header = check_header(*packed, config, kernels);
  if (!header) return std::unexpected(header.error());

  auto source = tensor::Mapping::open(folder + "/model.safetensors");
  if (!source) return std::unexpected(source.error());
  const std::uint64_t size = source->bytes().size();
  if (size != header->source_bytes || header->words > size ||
      size - header->words < word_bytes(config)) {
    return invalid(std::string(kPacked) + " were made from another model.safetensors");
  }
  if (pool) populate(packed->bytes(), *pool);
  return Encoder(wire(config, kernels, std::move(*packed), std::move(*source), header->words));
}

Encoder::Encoder(std::unique_ptr<const Weights> weights) : weights_(std::move(weights)) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

const EncoderConfig& Encoder::config() const {
  return weights_->config;
}

ops::Isa Encoder::isa() const {
  return weights_->kernels->isa;
}

std::uint64_t Encoder::mapped_bytes() const {
  return weights_->packed.bytes().size() + word_bytes(weights_->config);
}

}  // namespace tenon::encoder
