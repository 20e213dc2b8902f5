#include "host/workers/worker/reader.h"

#include <ctime>

#include "host/workers/codes.h"
#include "host/workers/record.h"

namespace tenon::worker {

using workers::Record;
using workers::RequestKind;

void Reader::stop() {
  stopping_.store(true, std::memory_order_seq_cst);
  ring_.header().asleep.store(0, std::memory_order_seq_cst);
  workers::futex_wake(ring_.header().asleep);
  if (thread_.joinable()) thread_.join();
}

void Reader::run() {
  while (!stopping_.load(std::memory_order_seq_cst)) {
    const bool busy = drain();
    if (feeder_.has_refused()) {
      const std::uint64_t answers = outlet_.answers();
      if (answers != seen_answers_ || !busy) {
        seen_answers_ = answers;
        feeder_.retry();
      }
    }
    if (!busy) wait();
  }
}

bool Reader::drain() {
  bool any = false;
  while (auto record = ring_.next()) {
    any = true;
    if (static_cast<RequestKind>(record->header.kind) == RequestKind::kRequest) {
      on_request(*record);
      if (!feeder_.is_full()) continue;  // its bytes are read until the batch is handed over
      feeder_.flush();
    } else {
      feeder_.flush();
      const auto id = record->header.id;
      workers::Taker take(record->payload);
      switch (static_cast<RequestKind>(record->header.kind)) {
        case RequestKind::kBody:
          feeder_.body(id, record->payload, (record->header.flags & workers::kFlagLast) != 0);
          break;
        case RequestKind::kCredit:
          feeder_.credit(id, take.value<std::uint64_t>());
          break;
        case RequestKind::kCancel:
          feeder_.cancel(id);
          break;
        default:
          break;
      }
    }
    ring_.release();
    if (ring_.header().waiting.load(std::memory_order_seq_cst) != 0) {
      outlet_.tell_room(ring_.header().waiting.exchange(0));
    }
  }
  if (!any) return false;
  feeder_.flush();
  ring_.release();
  if (ring_.header().waiting.load(std::memory_order_seq_cst) != 0) {
    outlet_.tell_room(ring_.header().waiting.exchange(0));
  }
  return true;
}

void Reader::on_request(const Record& record) {
  workers::Taker take(record.payload);
  const auto fixed = take.value<workers::RequestFixed>();
  workers::Feeder::Entry& entry = feeder_.add();
  tenon_request& request = entry.request;
  request.flags = (record.header.flags & workers::kFlagLast) != 0 ? TENON_REQUEST_BODY_COMPLETE : 0;
  request.id = record.header.id;
  request.arrival_ns = fixed.arrival_ns;
  request.deadline_ns = fixed.deadline_ns;
  request.credit = fixed.credit;
  std::copy(fixed.trace_id.begin(), fixed.trace_id.end(), request.trace_id);
  std::copy(fixed.span_id.begin(), fixed.span_id.end(), request.span_id);
  request.method = workers::to_str(take.text(fixed.method_size));
  request.path = workers::to_str(take.text(fixed.path_size));
  request.query = workers::to_str(take.text(fixed.query_size));
  request.request_id = workers::to_str(take.text(fixed.request_id_size));
  for (std::uint32_t i = 0; i < fixed.n_headers; ++i) {
    const auto name_size = take.value<std::uint32_t>();
    const auto value_size = take.value<std::uint32_t>();
    const auto name = take.text(name_size);
    entry.headers.push_back({workers::to_str(name), workers::to_str(take.text(value_size))});
  }
  const auto body = take.rest();
  entry.body = {reinterpret_cast<const std::uint8_t*>(body.data()), body.size()};
}

void Reader::wait() {
  if (spin_ns_ != 0) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto until = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                       static_cast<std::uint64_t>(now.tv_nsec) + spin_ns_;
    do {
      if (!ring_.is_empty()) return;
      __builtin_ia32_pause();
      ::clock_gettime(CLOCK_MONOTONIC, &now);
    } while (static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                 static_cast<std::uint64_t>(now.tv_nsec) <
             until);
  }
  auto& asleep = ring_.header().asleep;
  const bool refused = feeder_.has_refused();
  const std::uint32_t mark = refused ? 2 : 1;
  asleep.store(mark, std::memory_order_seq_cst);
  if (ring_.is_empty() && !stopping_.load(std::memory_order_seq_cst) &&
      !(refused && outlet_.answers() != seen_answers_)) {
    // Whoever refuses without an answer under way is asked again before long.
    workers::futex_wait(asleep, mark, refused ? 20'000'000 : -1);
  }
  asleep.store(0, std::memory_order_seq_cst);
}

}  // namespace tenon::worker
