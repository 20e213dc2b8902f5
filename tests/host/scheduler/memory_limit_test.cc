#include "host/scheduler/memory_limit.h"

#include <gtest/gtest.h>

namespace tenon::scheduler {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;

TEST(MemoryLimitTest, IsTheWholeBudgetWhereNothingIsKnown) {
  EXPECT_EQ(memory_limit({0, 0, 8 * kGiB}), 8 * kGiB);
  EXPECT_EQ(memory_limit({0, 0, 0}), 0u);
}

TEST(MemoryLimitTest, LeavesRoomAboveWhatIsExpected) {
  EXPECT_EQ(memory_limit({0, 100 * kMiB, 8 * kGiB}), 356 * kMiB);
  EXPECT_EQ(memory_limit({0, 2 * kGiB, 8 * kGiB}), 3 * kGiB);
  EXPECT_EQ(memory_limit({0, 2 * kGiB, 0}), 3 * kGiB);
}

TEST(MemoryLimitTest, IsWhatTheOperatorSays) {
  EXPECT_EQ(memory_limit({kGiB, 4 * kGiB, 8 * kGiB}), kGiB);
  EXPECT_EQ(memory_limit({kGiB, 0, 0}), kGiB);
}

TEST(MemoryLimitTest, IsNeverAboveTheBudget) {
  EXPECT_EQ(memory_limit({0, 6 * kGiB, 8 * kGiB}), 8 * kGiB);
  EXPECT_EQ(memory_limit({16 * kGiB, 0, 8 * kGiB}), 8 * kGiB);
}

}  // namespace
}  // namespace tenon::scheduler
