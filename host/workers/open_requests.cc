#include "host/workers/open_requests.h"

#include "host/workers/answer_table.h"

namespace tenon::workers {

OpenRequests::~OpenRequests() {
  for (auto& entry : loops_) {
    Directory* directory = entry.load();
    if (directory == nullptr) continue;
    for (auto& chunk : *directory) delete chunk.load();
    delete directory;
  }
}

OpenRequest* OpenRequests::slot(RequestId id) const {
  const IdParts parts = split_id(id);
  Directory* directory = loops_[parts.loop].load(std::memory_order_acquire);
  if (directory == nullptr) return nullptr;
  Chunk* chunk = (*directory)[parts.index / kChunk].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &(*chunk)[parts.index % kChunk];
}

OpenRequest& OpenRequests::open(RequestId id, std::uint64_t credit, std::uint64_t upload) {
  const IdParts parts = split_id(id);
  auto& directory = loops_[parts.loop];
  if (directory.load(std::memory_order_relaxed) == nullptr) {
    directory.store(new Directory{}, std::memory_order_release);
  }
  auto& chunk = (*directory.load(std::memory_order_relaxed))[parts.index / kChunk];
  if (chunk.load(std::memory_order_relaxed) == nullptr) {
    chunk.store(new Chunk{}, std::memory_order_release);
  }
  OpenRequest& request = (*chunk.load(std::memory_order_relaxed))[parts.index % kChunk];
  const std::lock_guard lock(request.mutex);
  request.cancel.store(0, std::memory_order_relaxed);
  request.credit.store(credit, std::memory_order_relaxed);
  request.upload = upload;
  request.has_head = false;
  request.input_tokens = request.output_tokens = 0;
  request.id.store(id, std::memory_order_release);
  count_.fetch_add(1, std::memory_order_relaxed);
  return request;
}

}  // namespace tenon::workers
