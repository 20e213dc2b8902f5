#include "host/scheduler/inventory.h"

#include <gtest/gtest.h>

namespace tenon::scheduler {
namespace {

using State = HeldReplica::State;
using std::chrono::milliseconds;
using std::chrono::seconds;

TimePoint at(int s) {
  return TimePoint(seconds(s));
}

TEST(Inventory, CountsRoomNowAndLater) {
  Inventory inventory({{.name = "a", .bytes = 100}});
  inventory.add({.id = 1, .deployment = 1, .uses = {{0, 30}}});
  inventory.add({.id = 2, .deployment = 2, .uses = {{0, 50}}, .state = State::kReserved});
  EXPECT_EQ(inventory.shelf(0).now.bytes, 30U);
  EXPECT_EQ(inventory.shelf(0).later.bytes, 80U);
  EXPECT_EQ(inventory.shelf(0).free_now, 20U) << "what is promised is not free";
  inventory.set_ending(1);
  EXPECT_EQ(inventory.shelf(0).now.bytes, 30U);
  EXPECT_EQ(inventory.shelf(0).later.bytes, 50U);
  inventory.remove(1);
  inventory.measured(2, {{0, 60}}, milliseconds(10));
  inventory.set_busy(2);
  EXPECT_EQ(inventory.shelf(0).free_now, 40U);
  inventory.remove(2);
  EXPECT_EQ(inventory.shelf(0).free_now, 100U);
}

TEST(Inventory, AMinimumAndTheYoungMayNotGo) {
  Inventory inventory({{.name = "a", .bytes = 100}}, {.min_churn_age = seconds(5)});
  inventory.set_minimum(1, 1);
  inventory.advance(at(10));
  inventory.add({.id = 1, .deployment = 1, .uses = {{0, 10}}, .placed = at(1)});
  inventory.add({.id = 2, .deployment = 1, .uses = {{0, 10}}, .placed = at(8)});
  inventory.set_idle(1, at(9), 0);
  inventory.set_idle(2, at(9), 0);
  EXPECT_EQ(inventory.shelf(0).evictable.size(), 1U);
  EXPECT_EQ(inventory.next_of_age(), at(13));
  inventory.advance(at(13));
  EXPECT_EQ(inventory.shelf(0).evictable.size(), 2U);
  inventory.set_ending(1);
  EXPECT_TRUE(inventory.shelf(0).evictable.empty()) << "the other one is the minimum";
  inventory.set_minimum(1, 0);
  EXPECT_EQ(inventory.shelf(0).evictable.size(), 1U);
}

TEST(Inventory, WorthIsRateTimesReloadPerByteAndFades) {
  const HeldReplica base{
      .uses = {{0, 1'000}}, .idle_since = at(0), .rate = 1, .reload = seconds(1)};
  HeldReplica large = base, dear = base, asked = base, recent = base;
  large.uses[0].bytes = 4'000;
  dear.reload = seconds(10);
  asked.rate = 10;
  recent.idle_since = at(60);
  EXPECT_LT(worth_per_byte(large), worth_per_byte(base));
  EXPECT_GT(worth_per_byte(dear), worth_per_byte(base));
  EXPECT_GT(worth_per_byte(asked), worth_per_byte(base));
  EXPECT_GT(worth_per_byte(recent), worth_per_byte(base));
  HeldReplica late_and_half = base;
  late_and_half.rate = 0.5 * (1 + 1.0 / 600) - 1.0 / 600;
  late_and_half.idle_since = TimePoint(kHalfLife);
  EXPECT_NEAR(worth_per_byte(late_and_half), worth_per_byte(base), 1e-9);
}

TEST(Inventory, ARateFadesByHalf) {
  RecentRate rate;
  for (int s = 0; s <= 36'000; ++s) rate.add(3, at(s));
  EXPECT_NEAR(rate.at(at(36'000)), 3, 0.01);
  EXPECT_NEAR(rate.at(at(36'600)), 1.5, 0.01);
}

}  // namespace
}  // namespace tenon::scheduler
