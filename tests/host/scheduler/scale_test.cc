#include "host/scheduler/scale.h"

#include <gtest/gtest.h>

#include <random>

namespace tenon::scheduler {
namespace {

TimePoint at(int ms) {
  return TimePoint(std::chrono::milliseconds(ms));
}

TEST(Scale, FollowsConcurrencyBetweenMinAndMax) {
  const Scale scale{.min_replicas = 1, .max_replicas = 4, .target = 8};
  EXPECT_EQ(desired_replicas(scale, {.ready = 1}), 1U);
  EXPECT_EQ(desired_replicas(scale, {.ready = 1, .in_flight = 8}), 1U);
  EXPECT_EQ(desired_replicas(scale, {.ready = 1, .in_flight = 8, .queued = 1}), 2U);
  EXPECT_EQ(desired_replicas(scale, {.ready = 1, .in_flight = 1'000}), 4U);
  EXPECT_EQ(desired_replicas({}, {.ready = 1}), 0U);
}

TEST(Scale, StartsOneAtATimeFromZero) {
  const Scale scale{.max_replicas = 4, .target = 1};
  EXPECT_EQ(desired_replicas(scale, {.queued = 200}), 1U);
  const Scale pinned{.min_replicas = 3, .max_replicas = 4, .target = 1};
  EXPECT_EQ(desired_replicas(pinned, {.queued = 200}), 3U);
}

TEST(Scale, TheLastReplicaStaysForItsOwnTime) {
  const Scale scale{.max_replicas = 3,
                    .last_replica_retention = milliseconds(1000),
                    .scale_down_delay = milliseconds(100)};
  const std::vector<ReadyReplica> three{{1, 0, 1, at(0)}, {2, 0, 1, at(0)}, {3, 5, 5, at(0)}};
  const ScaleDownPlan plan = plan_scale_down(scale, three, at(100), false);
  EXPECT_EQ(plan.end, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_FALSE(plan.check_at);
  const std::vector<ReadyReplica> one{{1, 0, 1, at(0)}};
  EXPECT_EQ(plan_scale_down(scale, one, at(999), true).check_at, at(1000));
  EXPECT_TRUE(plan_scale_down(scale, one, at(999), true).end.empty());
  EXPECT_EQ(plan_scale_down(scale, one, at(1000), true).end, std::vector<std::uint64_t>{1});
}

TEST(Scale, AQuietWindowDrainsTheLeastLoaded) {
  const Scale scale{.max_replicas = 3, .target = 4, .scale_down_delay = milliseconds(100)};
  const std::vector<ReadyReplica> two{{1, 2, 2, at(0)}, {2, 1, 2, at(0)}};
  EXPECT_EQ(plan_scale_down(scale, two, at(100), true).end, std::vector<std::uint64_t>{2});
  EXPECT_TRUE(plan_scale_down(scale, two, at(100), false).end.empty());
  const std::vector<ReadyReplica> needed{{1, 2, 3, at(0)}, {2, 1, 2, at(0)}};
  EXPECT_TRUE(plan_scale_down(scale, needed, at(100), true).end.empty());
}

TEST(Scale, EveryPlanKeepsTheRules) {
  std::mt19937 random(3);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (int i = 0; i < 20'000; ++i) {
    const Scale scale{.min_replicas = below(4),
                      .max_replicas = 1 + below(5),
                      .target = 1 + below(5),
                      .last_replica_retention = milliseconds(below(50)),
                      .scale_down_delay = milliseconds(below(50))};
    const TimePoint now = at(100);
    std::vector<ReadyReplica> ready;
    for (unsigned id = 0, n = below(7); id < n; ++id) {
      const unsigned inside = below(3);
      ready.push_back({id, inside, inside + below(3), at(static_cast<int>(below(100)))});
    }
    const unsigned wanted =
        desired_replicas(scale, {static_cast<unsigned>(ready.size()), below(30), below(30)});
    ASSERT_LE(wanted, std::max(scale.max_replicas, 1U));
    ASSERT_GE(wanted, std::min(scale.min_replicas, scale.max_replicas));

    const bool over = below(2) == 0;
    const ScaleDownPlan plan = plan_scale_down(scale, ready, now, over);
    ASSERT_GE(ready.size() - plan.end.size() + (ready.size() < scale.min_replicas ? 9 : 0),
              scale.min_replicas);
    unsigned busy = 0;
    for (const std::uint64_t id : plan.end) {
      if (ready[id].in_flight != 0) {
        ++busy;
      } else if (ready.size() > 1 && plan.end.size() < ready.size() && !over) {
        ASSERT_GE(now, ready[id].idle_since + scale.scale_down_delay);
      }
    }
    ASSERT_LE(busy, over ? 1U : 0U);
    if (busy != 0) ASSERT_LT(plan.end.size(), ready.size()) << "the last one has work";
    if (plan.check_at) ASSERT_GT(*plan.check_at, now);
  }
}

}  // namespace
}  // namespace tenon::scheduler
