// What a hostile worker can put into a response ring: positions, records and payloads are the
// input. The host's reader and its judge must come to an end without harm.
#include <cstring>
#include <optional>

#include "host/workers/answer_table.h"
#include "host/workers/record.h"
#include "host/workers/shared_region.h"

namespace {

using namespace tenon::workers;

struct Sink : ResponseSink {
  void on_response(const ResponseMessage& message) override {
    for (const auto& h : message.headers) seen += h.name.size() + h.value.size();
    for (const auto byte : message.body) seen += static_cast<std::size_t>(byte);
  }
  void on_consumed(std::uint64_t bytes) override { seen += bytes; }
  std::size_t seen = 0;
};

SharedRegion& memory() {
  static SharedRegion region = [] {
    RegionLayout layout;
    layout.request_capacity = layout.response_capacity = 16 * 1024;
    return std::move(*SharedRegion::create(layout));
  }();
  return region;
}

}  // namespace

// Input: how far the ring is, the write position, then the ring's bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const RingView ring = memory().responses(0);
  std::uint16_t start = 0;
  std::uint16_t length = 0;
  std::memcpy(&start, data, 2);
  std::memcpy(&length, data + 2, 2);
  const std::uint64_t tail = start & ~std::uint64_t{15};
  ring.header->tail.store(tail);
  ring.header->head.store(tail + length);
  std::memset(ring.data, 0, ring.capacity);
  for (std::size_t i = 4; i < size; ++i) {
    ring.data[(tail + i - 4) & (ring.capacity - 1)] = static_cast<std::byte>(data[i]);
  }
  Sink sink;
  AnswerTable answers(0);
  for (int i = 0; i < 3; ++i) answers.open(sink, 1000, 1000);
  RingReader reader(ring);
  while (const auto record = reader.next()) {
    if (!answers.on_record(*record)) break;
  }
  answers.fail_all({Failure::Kind::kProtocol, {}});
  return answers.size() == 0 ? 0 : -1;
}
