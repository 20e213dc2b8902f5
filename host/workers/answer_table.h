#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/domain/error.h"
#include "host/workers/replica.h"
#include "host/workers/ring.h"

namespace tenon::workers {

// The open requests of one replica on one event loop, and the judge of what comes back for them.
// Record by record it checks a replica's answers against the rules of the ABI and passes them to
// their sinks. Everything in a record is foreign. [one event loop]
class AnswerTable {
 public:
  static constexpr std::uint32_t kMaxOpen = 1 << 16;

  explicit AnswerTable(std::uint32_t loop) : loop_(loop) {}

  // 0 when kMaxOpen are open.
  RequestId open(ResponseSink&, std::uint64_t credit, std::uint64_t body_bytes);
  // Forgets a request that was not handed over after all.
  void forget(RequestId);
  bool is_open(RequestId id) const { return find(id) != nullptr; }

  // False: more than kUploadWindow would be under way.
  bool add_upload(RequestId, std::uint64_t bytes);
  void take_back_upload(RequestId, std::uint64_t bytes);
  bool add_credit(RequestId, std::uint64_t bytes);

  // Serves one record of kind kMessage or kConsumed; the error names the rule that it breaks.
  Result<void> on_record(const Record&);
  // Ends the request, or all of them, with a failure.
  void fail(RequestId, const Failure&);
  void fail_all(const Failure&);

  std::uint32_t size() const { return open_; }
  std::uint32_t loop() const { return loop_; }

 private:
  struct Slot {
    ResponseSink* sink = nullptr;
    std::uint32_t generation = 1;
    bool has_head = false;
    std::uint64_t credit = 0;  // body bytes that may still come
    std::uint64_t upload = 0;  // body bytes not consumed yet
  };

  const Slot* find(RequestId) const;
  Slot* find(RequestId id) { return const_cast<Slot*>(std::as_const(*this).find(id)); }
  ResponseSink* close(RequestId);
  Result<void> on_message(RequestId, Slot&, const Record&);

  std::uint32_t loop_;
  std::uint32_t open_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<std::byte> head_bytes_;  // a copy of a message's headers
  std::vector<HeaderView> headers_;
};

// A request's id: generation, loop, index.
struct IdParts {
  std::uint32_t generation;
  std::uint32_t loop;
  std::uint32_t index;
};
constexpr IdParts split_id(RequestId id) {
  return {static_cast<std::uint32_t>(id >> 32), static_cast<std::uint32_t>(id >> 24) & 0xff,
          static_cast<std::uint32_t>(id) & 0xff'ffff};
}
constexpr RequestId make_id(IdParts p) {
  return std::uint64_t{p.generation} << 32 | std::uint64_t{p.loop} << 24 | p.index;
}

}  // namespace tenon::workers
