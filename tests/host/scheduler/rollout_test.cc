#include "host/scheduler/rollout.h"

#include <gtest/gtest.h>

namespace tenon::scheduler {
namespace {

TEST(Rollout, OldOnesServeUntilAsManyNewOnesAreReady) {
  RolloutStep step = plan_rollout({.old_ready = 3, .scale = 3, .most = 8});
  EXPECT_EQ(step.at_least, 3U);
  EXPECT_FALSE(step.over);
  step = plan_rollout({.old_ready = 3, .new_ready = 2, .new_starting = 1, .scale = 3, .most = 8});
  EXPECT_EQ(step.at_least, 3U);
  EXPECT_FALSE(step.over);
  EXPECT_FALSE(step.share);
  EXPECT_EQ(step.end_old, 0U);
  step = plan_rollout({.old_ready = 3, .new_ready = 3, .scale = 3, .most = 8});
  EXPECT_TRUE(step.over);
  EXPECT_EQ(step.at_least, 0U);
}

TEST(Rollout, NoMoreAreAskedForThanTheNewRevisionMayHave) {
  EXPECT_EQ(plan_rollout({.old_ready = 5, .scale = 5, .most = 2}).at_least, 2U);
  EXPECT_TRUE(plan_rollout({.old_ready = 5, .new_ready = 2, .scale = 5, .most = 2}).over);
}

TEST(Rollout, FromZeroTheFirstReadyOneEndsIt) {
  EXPECT_EQ(plan_rollout({.old_starting = 1}).at_least, 0U);
  EXPECT_FALSE(plan_rollout({.old_starting = 1, .new_starting = 1}).over);
  EXPECT_TRUE(plan_rollout({.old_starting = 1, .new_ready = 1}).over);
}

TEST(Rollout, WithoutRoomOldOnesGoOneByOneOnceANewOneIsReady) {
  // One fits beside them: it is waited for.
  RolloutStep step =
      plan_rollout({.old_ready = 2, .new_starting = 1, .scale = 2, .most = 4, .blocked = true});
  EXPECT_EQ(step.end_old, 0U);
  EXPECT_FALSE(step.share);
  step = plan_rollout({.old_ready = 2, .new_ready = 1, .scale = 2, .most = 4, .blocked = true});
  EXPECT_EQ(step.end_old, 1U);
  EXPECT_TRUE(step.share);
  EXPECT_EQ(step.at_least, 2U);
  EXPECT_FALSE(step.over);
  // What an old one left is taken by the second.
  EXPECT_TRUE(plan_rollout({.old_ready = 1, .new_ready = 2, .scale = 2, .most = 4}).over);
}

TEST(Rollout, WithoutAnyRoomEvenTheLastOldOneGoesFirst) {
  EXPECT_EQ(plan_rollout({.old_ready = 1, .scale = 1, .blocked = true}).end_old, 1U);
  EXPECT_EQ(plan_rollout({.old_starting = 1, .blocked = true}).end_old, 1U);
  EXPECT_EQ(plan_rollout({.old_ready = 2, .scale = 2, .most = 2, .blocked = true}).end_old, 1U);
}

TEST(Rollout, ItIsOverWhenNoOldOneIsLeftAndNoRoomIsThere) {
  EXPECT_EQ(plan_rollout({.new_ready = 1, .scale = 2, .most = 2}).at_least, 2U);
  EXPECT_TRUE(plan_rollout({.new_ready = 1, .scale = 2, .most = 2, .blocked = true}).over);
}

TEST(Share, TakesItsPercentOfEachHundredEvenlySpread) {
  for (unsigned weight = 0; weight <= 100; ++weight) {
    Share share;
    unsigned taken = 0;
    for (unsigned n = 1; n <= 100; ++n) {
      taken += share.take(weight) ? 1 : 0;
      const double ideal = n * weight / 100.0;
      EXPECT_LE(taken, ideal + 1) << weight << " " << n;
      EXPECT_GE(taken, ideal - 1) << weight << " " << n;
    }
    EXPECT_EQ(taken, weight);
  }
}

}  // namespace
}  // namespace tenon::scheduler
