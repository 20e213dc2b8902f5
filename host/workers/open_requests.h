#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "host/workers/replica.h"

namespace tenon::workers {

// One request that a plugin owes an answer, as the host table sees it. `id` is zero between two
// requests; whoever comes with a stale id finds another one here. Slots are never freed: a
// cancel word stays readable.
struct OpenRequest {
  std::mutex mutex;  // makes the messages of one answer serial, and guards what follows
  std::atomic<RequestId> id{0};
  std::atomic<std::uint32_t> cancel{0};
  std::atomic<std::uint64_t> credit{0};
  std::uint64_t upload = 0;  // body bytes brought and not consumed
  bool has_head = false;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
};

// Slots by the index in a request's id, without a map or a lock on the way.
class OpenRequests {
 public:
  OpenRequests() = default;
  OpenRequests(const OpenRequests&) = delete;
  ~OpenRequests();

  // [instance-serial]
  OpenRequest& open(RequestId, std::uint64_t credit, std::uint64_t upload);
  // [any] The slot that the id points to, or null; the caller locks it and compares the id.
  OpenRequest* slot(RequestId) const;
  // [any; the slot's mutex held] The request had its final message.
  void close(OpenRequest& request) {
    request.id.store(0, std::memory_order_release);
    count_.fetch_sub(1, std::memory_order_relaxed);
  }
  std::uint32_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kChunk = 256;
  using Chunk = std::array<OpenRequest, kChunk>;
  using Directory = std::array<std::atomic<Chunk*>, 65536 / kChunk>;

  std::array<std::atomic<Directory*>, 256> loops_{};
  std::atomic<std::uint32_t> count_{0};
};

}  // namespace tenon::workers
