#include "host/scheduler/scale_down.h"

#include <gtest/gtest.h>

#include <random>

namespace tenon::scheduler {
namespace {

TimePoint at(int ms) {
  return TimePoint(std::chrono::milliseconds(ms));
}

TEST(ScaleDown, TheLongestIdleOfTooManyGo) {
  const std::vector<ReadyReplica> four{{1, 0, at(3)}, {2, 0, at(1)}, {3, 5, at(0)}, {4, 0, at(2)}};
  EXPECT_EQ(plan_scale_down({}, four, 2, at(9)).end, (std::vector<std::uint64_t>{2, 4}));
  EXPECT_TRUE(plan_scale_down({}, four, 4, at(9)).end.empty());
  EXPECT_EQ(plan_scale_down({.min_replicas = 3}, four, 0, at(9)).end,
            std::vector<std::uint64_t>{2});
}

TEST(ScaleDown, WhenNoneIsIdleTheLeastLoadedIsDrained) {
  const std::vector<ReadyReplica> three{{1, 2, at(0)}, {2, 1, at(0)}, {3, 3, at(0)}};
  EXPECT_EQ(plan_scale_down({}, three, 1, at(9)).end, std::vector<std::uint64_t>{2});
}

TEST(ScaleDown, TheLastReplicaStaysForItsOwnTime) {
  const Scale scale{.last_replica_retention = milliseconds(1000)};
  const std::vector<ReadyReplica> one{{1, 0, at(0)}};
  EXPECT_EQ(plan_scale_down(scale, one, 0, at(999)).check_at, at(1000));
  EXPECT_TRUE(plan_scale_down(scale, one, 0, at(999)).end.empty());
  EXPECT_EQ(plan_scale_down(scale, one, 0, at(1000)).end, std::vector<std::uint64_t>{1});
  // Also when others go with it.
  const std::vector<ReadyReplica> two{{1, 0, at(0)}, {2, 0, at(100)}};
  const ScaleDownPlan plan = plan_scale_down(scale, two, 0, at(500));
  EXPECT_EQ(plan.end, std::vector<std::uint64_t>{1});
  EXPECT_EQ(plan.check_at, at(1100));
}

TEST(ScaleDown, EveryPlanKeepsTheRules) {
  std::mt19937 random(3);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (int i = 0; i < 20'000; ++i) {
    const Scale scale{.min_replicas = below(4),
                      .max_replicas = 4 + below(5),
                      .last_replica_retention = milliseconds(below(50))};
    std::vector<ReadyReplica> ready;
    for (unsigned id = 0, n = below(7); id < n; ++id) {
      ready.push_back({id, below(3), at(static_cast<int>(below(100)))});
    }
    const unsigned wanted = below(6);
    const ScaleDownPlan plan = plan_scale_down(scale, ready, wanted, at(100));
    const std::size_t left = ready.size() - plan.end.size();
    if (!plan.end.empty()) ASSERT_GE(left, scale.min_replicas);
    if (left == 0 && !ready.empty()) {
      const ReadyReplica& last = ready[plan.end.back()];
      ASSERT_EQ(last.in_flight, 0U);
      ASSERT_GE(at(100), last.idle_since + scale.last_replica_retention);
    } else if (!plan.end.empty()) {
      ASSERT_GE(left, std::max(1U, wanted));
    }
    unsigned busy = 0;
    for (const std::uint64_t id : plan.end) busy += ready[id].in_flight != 0;
    ASSERT_LE(busy, 1U);
    if (plan.check_at) ASSERT_GT(*plan.check_at, at(100));
  }
}

}  // namespace
}  // namespace tenon::scheduler
