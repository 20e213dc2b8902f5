#include "host/metering/token_pools.h"

#include <gtest/gtest.h>

namespace tenon::metering {
namespace {

using namespace std::chrono_literals;

const ResourceKey kProductionKey{Kind::kEnvironment, "default", "production", ""};
const ResourceKey kDevelopmentKey{Kind::kEnvironment, "default", "development", ""};
constexpr sys_seconds kNoon(std::chrono::seconds(1'790'000'040));

Policy cap(std::uint64_t total, Granularity granularity = Granularity::kMinute) {
  return {.name = "cap",
          .type = PolicyType::kMaxToken,
          .max_tokens = {.granularity = granularity, .total = total}};
}

TEST(TokenPools, AnOwnerHasOnePoolPerPolicyWhoeverAsks) {
  TokenPools pools;
  EXPECT_EQ(pools.pool(kProductionKey, cap(100)), pools.pool(kProductionKey, cap(100)));
  EXPECT_NE(pools.pool(kProductionKey, cap(100)), pools.pool(kDevelopmentKey, cap(100)));
}

TEST(TokenPools, ChangedLimitsKeepTheCountAndOtherWindowsBeginANewOne) {
  TokenPools pools;
  const auto held = pools.pool(kProductionKey, cap(100));
  held->spend({60, 0}, kNoon);
  EXPECT_EQ(pools.pool(kProductionKey, cap(50)), held);
  EXPECT_TRUE(held->admit(kNoon)) << "60 of 50";
  const auto daily = pools.pool(kProductionKey, cap(50, Granularity::kDay));
  EXPECT_NE(daily, held);
  EXPECT_FALSE(daily->admit(kNoon));
}

TEST(TokenPools, TellEachChangeOnce) {
  TokenPools pools;
  const auto pool = pools.pool(kProductionKey, cap(100));
  EXPECT_TRUE(pools.take_changes(kNoon).empty());
  pool->spend({1, 2}, kNoon);
  EXPECT_EQ(pools.take_changes(kNoon),
            (std::vector<PoolState>{{kProductionKey, "cap", {kNoon, kNoon + 60s}, {1, 2}}}));
  EXPECT_TRUE(pools.take_changes(kNoon).empty());
}

TEST(TokenPools, APolicyTakenAwayAndGivenBackKeepsItsCount) {
  TokenPools pools;
  pools.pool(kProductionKey, cap(100))->spend({100, 0}, kNoon);
  EXPECT_EQ(pools.take_changes(kNoon).size(), 1U);
  EXPECT_TRUE(pools.pool(kProductionKey, cap(100))->admit(kNoon));
  EXPECT_TRUE(pools.take_changes(kNoon + 60s).empty());
  EXPECT_EQ(pools.pool(kProductionKey, cap(100))->state().spent, Spent{}) << "forgotten";
}

TEST(TokenPools, AStartGoesOnFromWhatWasStored) {
  std::vector<PoolState> stored;
  {
    TokenPools before;
    const auto pool = before.pool(kProductionKey, cap(100));
    pool->spend({100, 0}, kNoon);
    stored = before.take_changes(kNoon);
  }
  TokenPools after(stored);
  EXPECT_TRUE(after.take_changes(kNoon + 1s).empty()) << "nothing new";
  EXPECT_TRUE(after.pool(kProductionKey, cap(100))->admit(kNoon + 1s));
  EXPECT_FALSE(after.pool(kDevelopmentKey, cap(100))->admit(kNoon + 1s));
  EXPECT_TRUE(after.take_changes(kNoon + 1s).empty()) << "nothing new";
}

}  // namespace
}  // namespace tenon::metering
