#include "host/metering/token_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "host/metering/token_budget.h"

namespace tenon::metering {
namespace {

using namespace std::chrono_literals;

const ResourceKey kProductionKey{Kind::kEnvironment, "default", "production", ""};
const ResourceKey kDeploymentKey{Kind::kDeployment, "default", "m", "production"};
constexpr sys_seconds kNoon(std::chrono::seconds(1'790'000'040));  // a minute begins

MaxTokens per_minute(std::uint64_t total) {
  return {.granularity = Granularity::kMinute, .total = total};
}

TEST(TokenPool, ServesTheRequestThatCrossesAndRefusesLaterOnesUntilTheWindowEnds) {
  TokenPool pool(kProductionKey, "cap", per_minute(100));
  EXPECT_FALSE(pool.admit(kNoon));
  pool.spend({90, 9}, kNoon);
  EXPECT_FALSE(pool.admit(kNoon + 1s)) << "99 of 100";
  pool.spend({500, 1}, kNoon + 2s);
  const auto over = pool.admit(kNoon + 2s);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->owner, kProductionKey);
  EXPECT_EQ(over->policy, "cap");
  EXPECT_EQ(over->limit, policy::TokenLimit::kTotal);
  EXPECT_EQ(over->maximum, 100U);
  EXPECT_EQ(over->spent, (Spent{590, 10}));
  EXPECT_EQ(over->until, kNoon + 60s);
  EXPECT_TRUE(pool.admit(kNoon + 59s));
  EXPECT_FALSE(pool.admit(kNoon + 60s));
}

TEST(TokenPool, RequestsAdmittedBeforeTheCrossingAllCount) {
  TokenPool pool(kProductionKey, "cap", per_minute(100));
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(pool.admit(kNoon));
  for (int i = 0; i < 10; ++i) pool.spend({60, 0}, kNoon);
  EXPECT_EQ(pool.admit(kNoon)->spent, (Spent{600, 0}));
}

TEST(TokenPool, EachLimitIsItsOwn) {
  TokenPool pool(kProductionKey, "cap",
                 {.granularity = Granularity::kHour, .input = 100, .output = 10});
  pool.spend({99, 9}, kNoon);
  EXPECT_FALSE(pool.admit(kNoon));
  pool.spend({0, 1}, kNoon);
  EXPECT_EQ(pool.admit(kNoon)->limit, policy::TokenLimit::kOutput);
}

TEST(TokenPool, ANewWindowBeginsAtZero) {
  TokenPool pool(kProductionKey, "cap", per_minute(100));
  pool.spend({100, 0}, kNoon);
  pool.spend({7, 0}, kNoon + 60s);
  EXPECT_EQ(pool.state(), (PoolState{kProductionKey, "cap", {kNoon + 60s, kNoon + 120s}, {7, 0}}));
  EXPECT_FALSE(pool.admit(kNoon + 60s));
}

TEST(TokenPool, ALateReportCountsInTheWindowThatHasBegun) {
  TokenPool pool(kProductionKey, "cap", per_minute(100));
  pool.spend({7, 0}, kNoon + 60s);
  pool.spend({5, 0}, kNoon + 59s);
  EXPECT_EQ(pool.state().spent, (Spent{12, 0}));
}

TEST(TokenPool, AClockThatWasFarAheadDoesNotRefuseForYears) {
  TokenPool pool(kProductionKey, "cap", per_minute(100));
  pool.spend({100, 0}, kNoon + std::chrono::years(10));
  EXPECT_FALSE(pool.admit(kNoon));
  pool.spend({100, 0}, kNoon);
  EXPECT_EQ(pool.admit(kNoon)->until, kNoon + 60s);
  EXPECT_FALSE(pool.admit(kNoon + 60s));
}

TEST(TokenPool, CountsOnFromWhatWasStored) {
  TokenPool before(kProductionKey, "cap", per_minute(100));
  before.spend({100, 3}, kNoon);
  const PoolState stored = before.state();
  TokenPool after(kProductionKey, "cap", per_minute(100), &stored);
  EXPECT_EQ(after.state(), stored);
  EXPECT_EQ(after.admit(kNoon)->spent, (Spent{100, 3}));
  EXPECT_FALSE(after.admit(kNoon + 60s));
  const PoolState same = TokenPool(kProductionKey, "cap", per_minute(1'000), &stored).state();
  EXPECT_EQ(same, stored) << "limits may have changed meanwhile";
  MaxTokens hours = per_minute(100);
  hours.granularity = Granularity::kHour;
  EXPECT_FALSE(TokenPool(kProductionKey, "cap", hours, &stored).admit(kNoon))
      << "the count of a minute is not that of an hour";
}

TEST(TokenPool, NewLimitsHoldForWhatWasCounted) {
  TokenPool pool(kProductionKey, "cap", per_minute(100));
  pool.spend({100, 0}, kNoon);
  pool.set_limits(per_minute(200));
  EXPECT_FALSE(pool.admit(kNoon));
  pool.spend({100, 0}, kNoon);
  EXPECT_TRUE(pool.admit(kNoon));
  pool.set_limits(per_minute(0));
  EXPECT_FALSE(pool.admit(kNoon));
  pool.set_limits(per_minute(50));
  EXPECT_TRUE(pool.admit(kNoon));
}

TEST(TokenPool, SumsStayAtTheirLargest) {
  TokenPool pool(kProductionKey, "cap", per_minute(0));
  pool.spend({~0ULL, ~0ULL}, kNoon);
  pool.spend({~0ULL, 1}, kNoon);
  EXPECT_EQ(pool.state().spent, (Spent{(1ULL << 48) - 1, (1ULL << 48) - 1}));
}

TEST(TokenPool, TheRefusalReadsWell) {
  TokenPool pool(kProductionKey, "cap", per_minute(100));
  pool.spend({90, 20}, kNoon);
  EXPECT_EQ(to_string(*pool.admit(kNoon)),
            "policy cap of environment default/production allows 100 total tokens in the time that "
            "ends 2026-09-21T14:15:00.000Z; 90 input and 20 output tokens are spent");
}

TEST(TokenBudget, EachPoolRefusesByItselfAndTheLongestRefusalIsTold) {
  const auto shared = std::make_shared<TokenPool>(kProductionKey, "all", per_minute(100));
  const auto own = std::make_shared<TokenPool>(
      kDeploymentKey, "own", MaxTokens{.granularity = Granularity::kDay, .input = 50});
  const TokenBudget first({shared, own});
  const TokenBudget second({shared});
  EXPECT_FALSE(TokenBudget().admit(kNoon));

  first.spend({50, 0}, kNoon);
  EXPECT_EQ(first.admit(kNoon)->policy, "own");
  EXPECT_FALSE(second.admit(kNoon)) << "half of the pool is left";
  second.spend({50, 0}, kNoon);
  EXPECT_EQ(second.admit(kNoon)->policy, "all");
  EXPECT_EQ(first.admit(kNoon)->policy, "own") << "a day is longer than a minute";
}

TEST(TokenPoolStorm, NoTokenIsLostOrCountedTwice) {
  constexpr unsigned kThreads = 4, kRounds = 20'000;
  TokenPool pool(kProductionKey, "cap", per_minute(1ULL << 40));
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&pool, t] {
      for (unsigned i = 0; i < kRounds; ++i) {
        EXPECT_FALSE(pool.admit(kNoon));
        pool.spend({t + 1, i % 3}, kNoon);
      }
    });
  }
  threads.emplace_back([&pool] {
    Spent before;
    for (unsigned i = 0; i < 1'000; ++i) {
      const Spent now = pool.state().spent;
      EXPECT_GE(now.input, before.input);
      EXPECT_GE(now.output, before.output);
      before = now;
    }
  });
  threads.clear();
  EXPECT_EQ(pool.state().spent,
            (Spent{kRounds * (1 + 2 + 3 + 4), kThreads * (kRounds / 3 * 3 + 1)}));
}

TEST(TokenPoolStorm, ExactlyTheAdmittedRequestsAreSpent) {
  constexpr unsigned kThreads = 4;
  for (int round = 0; round < 50; ++round) {
    TokenPool pool(kProductionKey, "cap", per_minute(1'000));
    std::atomic<std::uint64_t> admitted{0};
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (;;) {
          const auto over = pool.admit(kNoon);
          if (over) {
            EXPECT_GE(over->spent.input, 1'000U) << "refused before the crossing";
            return;
          }
          ++admitted;
          const std::uint64_t before = pool.state().spent.input;
          pool.spend({3, 0}, kNoon);
          if (before + 3 >= 1'000) EXPECT_TRUE(pool.admit(kNoon)) << "at once";
        }
      });
    }
    threads.clear();
    EXPECT_EQ(pool.state().spent.input, admitted * 3);
    EXPECT_LE(admitted, 334 + kThreads - 1) << "at most one more for each other thread";
  }
}

// Each thread goes from one window to the next by itself. All that is spent in the new one counts
// there, and of the old one at most what came late.
TEST(TokenPoolStorm, AWindowLosesNothingWhileItBegins) {
  constexpr unsigned kThreads = 4, kEach = 500;
  TokenPool pool(kProductionKey, "cap", per_minute(1ULL << 40));
  for (unsigned window = 0; window < 100; window += 2) {
    const sys_seconds before = kNoon + std::chrono::minutes(window);
    std::atomic<unsigned> late{0};
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([&pool, &late, before] {
        for (unsigned i = 0; i < kEach; ++i) {
          pool.spend({1, 0}, before);
          late += pool.state().window.begin > before;
        }
        for (unsigned i = 0; i < kEach; ++i) pool.spend({0, 1}, before + 60s);
      });
    }
    threads.clear();
    const PoolState state = pool.state();
    ASSERT_EQ(state.window.begin, before + 60s);
    ASSERT_EQ(state.spent.output, kThreads * kEach);
    ASSERT_LE(state.spent.input, late);
  }
}

TEST(TokenPoolStorm, ChangedLimitsAreNeverMissed) {
  for (int round = 0; round < 300; ++round) {
    TokenPool pool(kProductionKey, "cap", per_minute(1'000));
    {
      std::jthread spender([&pool] { pool.spend({100, 0}, kNoon); });
      std::jthread changer([&pool] { pool.set_limits(per_minute(100)); });
    }
    ASSERT_TRUE(pool.admit(kNoon)) << round;
  }
}

}  // namespace
}  // namespace tenon::metering
