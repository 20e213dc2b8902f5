#include "sdk/validator/lent_memory.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

namespace tenon::validator {
namespace {

TEST(LentMemory, LendsWhatItWasGiven) {
  LentMemory memory;
  const tenon_str text = memory.text("hello");
  EXPECT_EQ(std::string(text.data, text.size), "hello");
  EXPECT_EQ(memory.text("").data, nullptr);
  const std::string large(10'000, 'x');
  const tenon_bytes bytes = memory.bytes(large);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data), bytes.size), large);
  const std::array<std::uint64_t, 3> numbers = {1, 2, 3};
  EXPECT_EQ(memory.array<std::uint64_t>(numbers)[2], 3u);
}

TEST(LentMemoryDeathTest, ReadingPastTheEndDies) {
  LentMemory memory;
  const volatile char* data = memory.text("hello").data;
  EXPECT_DEATH((void)data[5], "");
}

TEST(LentMemoryDeathTest, WritingDies) {
  LentMemory memory;
  auto* data = const_cast<volatile char*>(memory.text("hello").data);
  EXPECT_DEATH(data[0] = 'j', "");
}

TEST(LentMemoryDeathTest, ReadingLaterDies) {
  auto memory = std::make_unique<LentMemory>();
  const volatile char* data = memory->text("hello").data;
  EXPECT_DEATH(
      {
        memory.reset();
        (void)data[0];
      },
      "");
}

}  // namespace
}  // namespace tenon::validator
