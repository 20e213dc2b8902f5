#include "host/workers/ring.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

namespace tenon::workers {

std::uint64_t RingWriter::refresh() {
  const std::uint64_t tail = ring_.header->tail.load(std::memory_order_seq_cst);
  // A reader only moves forward, and never past what was written.
  if (tail < tail_ || tail > head_ || tail % kRecordAlign != 0) {
    broken_ = true;
  } else {
    tail_ = tail;
  }
  return tail_;
}

bool RingWriter::has_room(std::uint64_t bytes, std::uint64_t reserve) {
  if (broken_ || bytes + reserve > ring_.capacity) return false;
  const std::uint64_t wanted = bytes + reserve;
  if (ring_.capacity - (head_ - tail_) >= wanted) return true;
  return ring_.capacity - (head_ - refresh()) >= wanted && !broken_;
}

std::byte* RingWriter::append(std::uint16_t kind, std::uint16_t flags, std::uint64_t id,
                              std::uint64_t payload) {
  const std::uint64_t bytes = record_bytes(payload);
  if (payload > max_payload() || !has_room(bytes)) return nullptr;
  std::byte* at = ring_.data + (head_ & (ring_.capacity - 1));
  const RecordHeader header{static_cast<std::uint32_t>(sizeof(RecordHeader) + payload), kind, flags,
                            id};
  std::memcpy(at, &header, sizeof header);
  head_ += bytes;
  return at + sizeof header;
}

std::optional<Record> RingReader::next() {
  if (broken_) return std::nullopt;
  if (!started_ || head_ == tail_) {
    const std::uint64_t head = ring_.header->head.load(std::memory_order_seq_cst);
    if (head < tail_ || head - tail_ > ring_.capacity || head % kRecordAlign != 0 ||
        (started_ && head < head_)) {
      broken_ = "the ring's write position is " + std::to_string(head) + ", expected " +
                std::to_string(tail_) + " to " + std::to_string(tail_ + ring_.capacity);
      return std::nullopt;
    }
    head_ = head;
    started_ = true;
    if (head_ == tail_) return std::nullopt;
  }
  const std::byte* at = ring_.data + (tail_ & (ring_.capacity - 1));
  RecordHeader header;
  std::memcpy(&header, at, sizeof header);  // copied before it is checked
  const std::uint64_t bytes = (std::uint64_t{header.size} + kRecordAlign - 1) & ~(kRecordAlign - 1);
  if (header.size < sizeof header || bytes > head_ - tail_) {
    broken_ = "a record of " + std::to_string(header.size) + " bytes where " +
              std::to_string(head_ - tail_) + " were written";
    return std::nullopt;
  }
  tail_ += bytes;
  return Record{header, {at + sizeof header, header.size - sizeof header}};
}

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t timeout_ns) {
  timespec timeout{timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, expected, timeout_ns < 0 ? nullptr : &timeout, nullptr,
            0);
}

void futex_wake(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1 << 30, nullptr, nullptr, 0);
}

}  // namespace tenon::workers
