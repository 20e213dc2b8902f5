#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "runtimes/encoder/config.h"
#include "runtimes/ops/isa.h"
#include "runtimes/ops/thread_pool.h"
#include "runtimes/tensor/mapping.h"

namespace tenon::encoder {

struct Weights;

// The weights of one model, laid out for one instruction set. Immutable; safe for concurrent use.
//
// Most weights live in a *packed file*: what pack() makes once and map() takes ready for use. The
// word embeddings stay in model.safetensors, mapped, since a text touches few of them.
class Encoder {
 public:
  // A good name for the packed file: it changes with the layout and the instruction set.
  static std::string packed_name(ops::Isa isa);

  // Reads model.safetensors and packs it. With an fd (an empty file, open for reading and writing)
  // the packed weights become that file's content and are used from there: publish it afterwards,
  // never write to it again. With -1 they are kept in private memory. The caller closes fd.
  // Missing and mis-shaped tensors are named in one message.
  static Result<Encoder> pack(const std::string& folder, const EncoderConfig& config, ops::Isa isa,
                              ops::ThreadPool& pool, int fd);

  // Maps a packed file (the caller may close fd afterwards). One that is cut short, damaged or of
  // another layout, model or instruction set is kInvalid: pack() anew. That model.safetensors is
  // the one that the file was made from is for the caller to know. `pool` may be null; with one,
  // the pages are brought in by all its threads at once.
  static Result<Encoder> map(const std::string& folder, const EncoderConfig& config, ops::Isa isa,
                             int fd, ops::ThreadPool* pool);

  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;
  ~Encoder();

  const EncoderConfig& config() const;
  ops::Isa isa() const;
  std::uint64_t mapped_bytes() const;

 private:
  friend class Session;
  explicit Encoder(std::unique_ptr<const Weights> weights);
  std::unique_ptr<const Weights> weights_;
};

// Sequences that lie end to end, without padding.
struct Batch {
  std::span<const std::uint32_t> ids;
  std::span<const std::uint32_t> type_ids;  // as many as ids, or none: all 0
  std::span<const std::uint32_t> ends;      // sequence i is [ends[i - 1], ends[i]) of ids; rising
};

// Receives sequence i's token embeddings, tokens × hidden, valid during the call.
using Sink = std::function<void(std::size_t sequence, std::span<const float> rows)>;

// One stream of computation: an encoder, its threads and its scratch memory. One call at a time.
class Session {
 public:
  // Both must outlive the session.
  Session(const Encoder& encoder, ops::ThreadPool& pool);

  // Calls `sink` once for each sequence, in order, on the calling thread, as soon as it is ready. A
  // batch may be of any size: it is worked through in parts of kPartTokens, so scratch memory is
  // bounded. What a sequence gives does not depend on the others. An empty sequence, one longer
  // than the model's positions, or an id out of range is kInvalid, and nothing was computed.
  Result<void> encode(const Batch& batch, const Sink& sink);

  std::uint64_t scratch_bytes() const;

 private:
  Result<void> check(const Batch& batch) const;
  Result<void> reserve(std::uint64_t bytes);
  Result<void> compute(const Batch& batch, std::size_t first, std::size_t last, const Sink& sink);

  const Encoder* encoder_;
  ops::ThreadPool* pool_;
  tensor::Mapping scratch_;
};

// One embedding from the rows of a sequence (tokens × out.size(), at least one).
void pool_rows(Pooling pooling, std::span<const float> rows, std::span<float> out);

// Scales to length one: the sum of squares in double, the scale in float. A zero vector becomes
// NaN, as division by its length does.
void normalise(std::span<float> embedding);

}  // namespace tenon::encoder
