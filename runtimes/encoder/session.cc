#include <algorithm>

#include "runtimes/encoder/encoder.h"
#include "runtimes/encoder/packed.h"
#include "runtimes/encoder/weights.h"
#include "runtimes/ops/attention.h"

namespace tenon::encoder {
namespace {

// Tokens that go through all layers together. Enough for the weights to be read from the shared
// cache at little cost, few enough for what lies between two layers to stay in the cores' own.
constexpr std::uint32_t kPartTokens = 512;

std::unexpected<Error> invalid(std::size_t sequence, const std::string& message) {
  return tensor::fail(Error::Kind::kInvalid,
                      "sequence " + std::to_string(sequence) + " " + message);
}

std::uint32_t begin_of(const Batch& batch, std::size_t sequence) {
  return sequence == 0 ? 0 : batch.ends[sequence - 1];
}

// The first sequence that no longer goes with the one at `first`.
std::size_t part_end(const Batch& batch, std::size_t first) {
  const std::uint32_t begin = begin_of(batch, first);
  std::size_t last = first + 1;
  while (last < batch.ends.size() && batch.ends[last] - begin <= kPartTokens) ++last;
  return last;
}

}  // namespace

Session::Session(const Encoder& encoder, ops::ThreadPool& pool)
    : encoder_(&encoder), pool_(&pool) {}

Result<void> Session::encode(const Batch& batch, const Sink& sink) {
  if (auto checked = check(batch); !checked) return checked;
  for (std::size_t first = 0; first < batch.ends.size();) {
    const std::size_t last = part_end(batch, first);
    if (auto done = compute(batch, first, last, sink); !done) return done;
    first = last;
  }
  return {};
}

std::uint64_t Session::scratch_bytes() const {
  return scratch_.bytes().size();
}

Result<void> Session::check(const Batch& batch) const {
  const EncoderConfig& config = encoder_->config();
  if (!batch.type_ids.empty() && batch.type_ids.size() != batch.ids.size()) {
    return tensor::fail(Error::Kind::kInvalid,
                        "the batch has " + std::to_string(batch.ids.size()) + " ids, but " +
                            std::to_string(batch.type_ids.size()) + " type ids");
  }
  for (std::size_t i = 0; i < batch.ends.size(); ++i) {
    const std::uint32_t begin = begin_of(batch, i);
    const std::uint32_t end = batch.ends[i];
    if (end <= begin) return invalid(i, "is empty");
    if (end > batch.ids.size()) return invalid(i, "ends behind the batch's ids");
    if (end - begin > config.positions) {
      return invalid(i, "has " + std::to_string(end - begin) + " tokens; the model has " +
                            std::to_string(config.positions) + " positions");
    }
    for (std::uint32_t token = begin; token < end; ++token) {
      if (batch.ids[token] >= config.vocabulary) {
        return invalid(i, "holds the id " + std::to_string(batch.ids[token]) +
                              "; the vocabulary has " + std::to_string(config.vocabulary));
      }
      if (!batch.type_ids.empty() && batch.type_ids[token] >= config.token_types) {
        return invalid(i, "holds the type id " + std::to_string(batch.type_ids[token]) +
                              "; the model has " + std::to_string(config.token_types));
      }
    }
  }
  if (!batch.ends.empty() && batch.ends.back() != batch.ids.size()) {
    return tensor::fail(Error::Kind::kInvalid, "the sequences end at " +
                                                   std::to_string(batch.ends.back()) + " of " +
                                                   std::to_string(batch.ids.size()) + " ids");
  }
  return {};
}

Result<void> Session::reserve(std::uint64_t bytes) {
  if (scratch_.bytes().size() >= bytes) return {};
  auto memory = tensor::Mapping::anonymous(bytes);
  if (!memory) return std::unexpected(memory.error());
  scratch_ = std::move(*memory);
  return {};
}

Result<void> Session::compute(const Batch& batch, std::size_t first, std::size_t last,
                              const Sink& sink) {
  const Weights& weights = *encoder_->weights_;
  const EncoderConfig& config = weights.config;
  const ops::Kernels& kernels = *weights.kernels;
  const std::uint32_t begin = begin_of(batch, first);
  const std::uint32_t tokens = batch.ends[last - 1] - begin;
  // Grown to the largest size at once, but touched only as far as it is used.
  const ScratchLayout most =
      scratch_layout(config, kernels, std::max(kPartTokens, config.positions), pool_->threads());
  if (auto reserved = reserve(most.bytes); !reserved) return reserved;
  const ScratchLayout layout = scratch_layout(config, kernels, tokens, pool_->threads());
  auto* memory = reinterpret_cast<float*>(scratch_.writable().data());
  float* hidden = memory + layout.hidden;
  float* qkv = memory + layout.qkv;
  float* context = memory + layout.context;
  float* up = memory + layout.up;

  std::vector<ops::Range> sequences;
  std::vector<ops::TokenRows> rows;
  std::uint32_t longest = 0;
  for (std::size_t i = first; i < last; ++i) {
    const std::uint32_t start = begin_of(batch, i);
    sequences.push_back({start - begin, batch.ends[i] - begin});
    longest = std::max(longest, batch.ends[i] - start);
    for (std::uint32_t token = start; token < batch.ends[i]; ++token) {
      rows.push_back(
          {batch.ids[token], token - start, batch.type_ids.empty() ? 0 : batch.type_ids[token]});
    }
  }

  ops::embed(kernels, weights.tables, rows, weights.embedding_norm, config.hidden, hidden, *pool_);
  for (const Layer& layer : weights.layers) {
    ops::linear(kernels, layer.qkv, hidden, tokens, ops::Epilogue::kBias, nullptr, qkv, *pool_);
    ops::attention(kernels, {config.heads, config.hidden / config.heads}, sequences, qkv, context,
                   memory + layout.attention, longest, *pool_);
    ops::linear(kernels, layer.attention_out, context, tokens, ops::Epilogue::kBiasResidual, hidden,
                hidden, *pool_);
    ops::layer_norm(kernels, layer.attention_norm, hidden, tokens, config.hidden, *pool_);
    ops::linear(kernels, layer.up, hidden, tokens, ops::Epilogue::kBiasGelu, nullptr, up, *pool_);
    ops::linear(kernels, layer.down, up, tokens, ops::Epilogue::kBiasResidual, hidden, hidden,
                *pool_);
    ops::layer_norm(kernels, layer.output_norm, hidden, tokens, config.hidden, *pool_);
  }
  for (std::size_t i = first; i < last; ++i) {
    const ops::Range range = sequences[i - first];
    sink(i, {hidden + std::size_t{range.begin} * config.hidden,
             std::size_t{range.end - range.begin} * config.hidden});
  }
  return {};
}

}  // namespace tenon::encoder
