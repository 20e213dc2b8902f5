#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

// A byte ring in shared memory: one reader, one writer at a time, records in line and in order. The
// data is mapped twice, end to end, so that no record wraps. Positions are free-running counts of
// bytes. Each side keeps its own position privately and believes the peer's only after checking it:
// a peer that lies is noticed and harms nobody.
namespace tenon::workers {

inline constexpr std::uint64_t kRecordAlign = 16;

// In front of each record. `size` counts this header and the payload, not the padding after it.
struct RecordHeader {
  std::uint32_t size = 0;
  std::uint16_t kind = 0;
  std::uint16_t flags = 0;
  std::uint64_t id = 0;
};
static_assert(sizeof(RecordHeader) == kRecordAlign);

// The first page of a ring.
struct RingHeader {
  alignas(64) std::atomic<std::uint64_t> head;     // the writer's: bytes ever published
  alignas(64) std::atomic<std::uint64_t> tail;     // the reader's: bytes ever released
  alignas(64) std::atomic<std::uint32_t> asleep;   // the reader sets it: "wake me"
  alignas(64) std::atomic<std::uint32_t> crowded;  // a writer sets it: "wake me when there is room"
  alignas(64) std::atomic<std::uint64_t> waiting;  // bit per event loop: "tell me about room"
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// Where a ring lies in this process; does not own the mapping.
struct RingView {
  RingHeader* header = nullptr;
  std::byte* data = nullptr;   // 2 × capacity bytes, the second half mirrors the first
  std::uint64_t capacity = 0;  // a power of two
};

struct Record {
  RecordHeader header;                 // a copy
  std::span<const std::byte> payload;  // in shared memory: it may change while it is read
};

class RingWriter {
 public:
  explicit RingWriter(RingView ring)
      : ring_(ring), head_(ring.header->head.load(std::memory_order_relaxed)) {}

  static std::uint64_t record_bytes(std::uint64_t payload) {
    return (sizeof(RecordHeader) + payload + kRecordAlign - 1) & ~(kRecordAlign - 1);
  }
  std::uint64_t max_payload() const { return ring_.capacity / 2 - sizeof(RecordHeader); }

  // Whether `bytes` (a sum of record_bytes()) fit now while `reserve` bytes stay free.
  bool has_room(std::uint64_t bytes, std::uint64_t reserve = 0);
  // Room for one record, or null when it does not fit. The payload is filled in by the caller;
  // publish() shows it to the reader together with all records since the last publish().
  std::byte* append(std::uint16_t kind, std::uint16_t flags, std::uint64_t id,
                    std::uint64_t payload);
  void publish() { ring_.header->head.store(head_, std::memory_order_seq_cst); }
  // Where the reader stands, as far as that is possible.
  std::uint64_t read_position() { return refresh(); }

  // Set for good once the reader's position was impossible.
  bool is_broken() const { return broken_; }
  std::uint64_t position() const { return head_; }
  RingHeader& header() { return *ring_.header; }

 private:
  std::uint64_t refresh();

  RingView ring_;
  std::uint64_t head_;
  std::uint64_t tail_ = 0;  // the reader's position as last believed
  bool broken_ = false;
};

class RingReader {
 public:
  explicit RingReader(RingView ring)
      : ring_(ring), tail_(ring.header->tail.load(std::memory_order_relaxed)) {}

  // The next record; empty when there is none or the ring is broken. The payload stays readable
  // until release().
  std::optional<Record> next();
  // Gives back all records taken so far.
  void release() { ring_.header->tail.store(tail_, std::memory_order_seq_cst); }
  bool is_empty() const { return ring_.header->head.load(std::memory_order_seq_cst) == tail_; }

  // What the writer did wrong, once it did.
  const std::optional<std::string>& broken() const { return broken_; }
  std::uint64_t position() const { return tail_; }
  RingHeader& header() { return *ring_.header; }

 private:
  RingView ring_;
  std::uint64_t tail_;
  std::uint64_t head_ = 0;  // the writer's position as last believed
  bool started_ = false;
  std::optional<std::string> broken_;
};

// Shared futexes, for words in memory that two processes map.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::int64_t timeout_ns);  // timeout < 0: none
void futex_wake(std::atomic<std::uint32_t>& word);

}  // namespace tenon::workers
