#include "host/policy/budget.h"

#include <gtest/gtest.h>

#include <random>

namespace tenon::policy {
namespace {

using namespace std::chrono_literals;
using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;

sys_seconds utc(int y, unsigned m, unsigned d, int h = 0, int min = 0, int s = 0) {
  return sys_days(year(y) / month(m) / day(d)) + std::chrono::hours(h) + std::chrono::minutes(min) +
         std::chrono::seconds(s);
}

MaxTokens every(unsigned step, Granularity granularity) {
  return {.granularity = granularity, .step = step};
}

TEST(TokenWindow, OfOneUnitIsTheCalendarsInUtc) {
  const sys_seconds now = utc(2026, 2, 28, 23, 59, 59);
  EXPECT_EQ(window_of(every(1, Granularity::kMinute), now),
            (Window{utc(2026, 2, 28, 23, 59), utc(2026, 3, 1)}));
  EXPECT_EQ(window_of(every(1, Granularity::kHour), now),
            (Window{utc(2026, 2, 28, 23), utc(2026, 3, 1)}));
  EXPECT_EQ(window_of(every(1, Granularity::kDay), now),
            (Window{utc(2026, 2, 28), utc(2026, 3, 1)}));
  EXPECT_EQ(window_of(every(1, Granularity::kMonth), now),
            (Window{utc(2026, 2, 1), utc(2026, 3, 1)}));
  // The end belongs to the next.
  EXPECT_EQ(window_of(every(1, Granularity::kMonth), now + 1s),
            (Window{utc(2026, 3, 1), utc(2026, 4, 1)}));
}

TEST(TokenWindow, OfSeveralUnitsIsCountedFrom1970) {
  const sys_seconds now = utc(2024, 2, 29, 7, 44, 10);
  EXPECT_EQ(window_of(every(15, Granularity::kMinute), now),
            (Window{utc(2024, 2, 29, 7, 30), utc(2024, 2, 29, 7, 45)}));
  EXPECT_EQ(window_of(every(6, Granularity::kHour), now),
            (Window{utc(2024, 2, 29, 6), utc(2024, 2, 29, 12)}));
  EXPECT_EQ(window_of(every(3, Granularity::kMonth), now),
            (Window{utc(2024, 1, 1), utc(2024, 4, 1)}))
      << "a quarter";
  EXPECT_EQ(window_of(every(12, Granularity::kMonth), now),
            (Window{utc(2024, 1, 1), utc(2025, 1, 1)}))
      << "a year";
  // Weeks of seven days begin on a Thursday, as 1970 did.
  const Window week = window_of(every(7, Granularity::kDay), now);
  EXPECT_EQ(week, (Window{utc(2024, 2, 29), utc(2024, 3, 7)}));
}

TEST(TokenWindow, NeverLeavesAGap) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 20'000; ++i) {
    const MaxTokens limits{.granularity = static_cast<Granularity>(random() % 4),
                           .step = static_cast<unsigned>(random() % MaxTokens::kLongestStep + 1)};
    const sys_seconds now(
        std::chrono::seconds(static_cast<std::int64_t>(random() % 8'000'000'000) - 1'000'000'000));
    const std::int64_t number = window_number(limits, now);
    const Window window = window_at(limits, number);
    ASSERT_LE(window.begin, now);
    ASSERT_LT(now, window.end);
    ASSERT_EQ(window_number(limits, window.begin), number);
    ASSERT_EQ(window_number(limits, window.end), number + 1);
    ASSERT_EQ(window_at(limits, number + 1).begin, window.end);
  }
}

TEST(TokenLimit, IsReachedWhenItIsUsedUp) {
  const MaxTokens limits{.input = 100, .output = 50, .total = 120};
  EXPECT_EQ(reached(limits, {99, 20}), std::nullopt);
  EXPECT_EQ(reached(limits, {100, 0}), TokenLimit::kInput);
  EXPECT_EQ(reached(limits, {0, 51}), TokenLimit::kOutput);
  EXPECT_EQ(reached(limits, {80, 40}), TokenLimit::kTotal);
  EXPECT_EQ(limit_of(limits, TokenLimit::kTotal), 120U);
}

TEST(TokenLimit, OfZeroIsNone) {
  EXPECT_EQ(reached({}, {~0ULL, ~0ULL}), std::nullopt);
  EXPECT_EQ(reached({.output = 1}, {1'000'000, 0}), std::nullopt);
}

}  // namespace
}  // namespace tenon::policy
