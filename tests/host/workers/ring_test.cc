// The ring alone: order, room, generated traffic, a reader on another thread, and peers that lie.
#include "host/workers/ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <thread>

#include "host/workers/shared_region.h"

namespace tenon::workers {
namespace {

SharedRegion region() {
  RegionLayout layout;
  layout.request_capacity = 4096;
  layout.response_capacity = 4096;
  auto made = SharedRegion::create(layout);
  EXPECT_TRUE(made);
  return std::move(*made);
}

TEST(RingTest, KeepsRecordsWholeAndInOrderOverTheSeam) {
  const auto memory = region();
  RingWriter writer(memory.requests());
  RingReader reader(memory.requests());
  std::mt19937 random(7);
  std::deque<std::string> expected;
  for (int round = 0; round < 20'000; ++round) {
    const std::string payload(random() % 700, static_cast<char>('a' + random() % 26));
    if (auto* at = writer.append(3, 5, static_cast<std::uint64_t>(round), payload.size())) {
      std::memcpy(at, payload.data(), payload.size());
      expected.push_back(payload);
      writer.publish();
    }
    if (random() % 3 != 0) continue;
    while (const auto record = reader.next()) {
      ASSERT_FALSE(expected.empty());
      EXPECT_EQ(record->header.kind, 3);
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(record->payload.data()),
                            record->payload.size()),
                expected.front());
      expected.pop_front();
    }
    reader.release();
  }
  EXPECT_FALSE(reader.broken());
  EXPECT_FALSE(writer.is_broken());
}

TEST(RingTest, RefusesARecordThatDoesNotFit) {
  const auto memory = region();
  RingWriter writer(memory.requests());
  EXPECT_EQ(writer.append(1, 0, 1, writer.max_payload() + 1), nullptr);
  EXPECT_NE(writer.append(1, 0, 1, writer.max_payload()), nullptr);
  EXPECT_NE(writer.append(1, 0, 2, writer.max_payload()), nullptr);
  EXPECT_EQ(writer.append(1, 0, 3, 0), nullptr);
}

TEST(RingTest, TwoThreadsSeeEveryRecordOnce) {
  const auto memory = region();
  constexpr std::uint64_t kCount = 20'000;
  std::thread reading([&] {
    RingReader reader(memory.requests());
    for (std::uint64_t next = 0; next < kCount;) {
      while (const auto record = reader.next()) {
        std::uint64_t value = 0;
        std::memcpy(&value, record->payload.data(), sizeof value);
        EXPECT_EQ(value, next++);
      }
      reader.release();
      std::this_thread::yield();
    }
  });
  RingWriter writer(memory.requests());
  for (std::uint64_t i = 0; i < kCount;) {
    if (auto* at = writer.append(1, 0, i, 8 + i % 100)) {
      std::memcpy(at, &i, sizeof i);
      writer.publish();
      ++i;
    } else {
      std::this_thread::yield();
    }
  }
  reading.join();
}

TEST(RingTest, ReaderNoticesAnImpossibleWritePosition) {
  for (const std::uint64_t head :
       {std::uint64_t{4096 + 16}, std::uint64_t{8}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    const auto memory = region();
    RingReader reader(memory.requests());
    memory.requests().header->head.store(head);
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.broken()) << head;
  }
}

TEST(RingTest, ReaderNoticesAWritePositionThatGoesBack) {
  const auto memory = region();
  RingWriter writer(memory.requests());
  RingReader reader(memory.requests());
  writer.append(1, 0, 1, 100);
  writer.publish();
  EXPECT_TRUE(reader.next());
  memory.requests().header->head.store(16);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.broken());
}

TEST(RingTest, ReaderNoticesImpossibleRecordSizes) {
  for (const std::uint32_t size : {0u, 15u, 200u, 4096u, ~0u}) {
    const auto memory = region();
    RingWriter writer(memory.requests());
    RingReader reader(memory.requests());
    writer.append(1, 0, 1, 100);
    writer.publish();
    std::memcpy(memory.requests().data, &size, sizeof size);
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.broken()) << size;
  }
}

TEST(RingTest, WriterNoticesAnImpossibleReadPosition) {
  for (const std::uint64_t tail : {std::uint64_t{64 * 1024}, std::uint64_t{7}}) {
    const auto memory = region();
    RingWriter writer(memory.requests());
    while (writer.append(1, 0, 1, 500) != nullptr) {
    }
    memory.requests().header->tail.store(tail);
    EXPECT_FALSE(writer.has_room(1024));
    EXPECT_TRUE(writer.is_broken());
  }
}

TEST(RingTest, AHoleInTheMemoryReadsAsABrokenRecord) {
  const auto memory = region();
  RingWriter writer(memory.requests());
  RingReader reader(memory.requests());
  writer.append(1, 0, 1, 100);
  writer.publish();
  std::memset(memory.requests().data, 0, 4096);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.broken());
}

}  // namespace
}  // namespace tenon::workers
