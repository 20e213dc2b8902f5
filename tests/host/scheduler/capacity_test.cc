#include "host/scheduler/capacity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <unordered_map>

namespace tenon::scheduler {
namespace {

using State = HeldReplica::State;

TimePoint at(int seconds) {
  return TimePoint(std::chrono::seconds(seconds));
}

HeldReplica idle(std::uint64_t id, std::uint64_t bytes, int since) {
  return {id, id, bytes, State::kIdle, at(since), 0};
}

TEST(Capacity, PlacesWhereThereIsRoom) {
  const std::vector<Claim> claims{{1, 40}, {2, 60}, {3, 1}};
  const CapacityPlan plan = plan_capacity({10, 100}, {}, claims);
  EXPECT_EQ(plan.verdicts, (std::vector{Verdict::kStart, Verdict::kStart, Verdict::kNothingIdle}));
  EXPECT_TRUE(plan.end.empty());
}

TEST(Capacity, TheLongestIdleGoes) {
  const std::vector<HeldReplica> held{idle(1, 10, 5), idle(2, 10, 3), idle(3, 10, 4)};
  const std::vector<Claim> claims{{9, 10}};
  const CapacityPlan plan = plan_capacity({3, 0}, held, claims);
  EXPECT_EQ(plan.verdicts[0], Verdict::kRoomComing);
  EXPECT_EQ(plan.end, std::vector<std::uint64_t>{2});
}

TEST(Capacity, WhatIsNotNeededIsSpared) {
  // The longest idle ones are small; the large one alone is enough.
  const std::vector<HeldReplica> held{idle(1, 10, 1), idle(2, 10, 2), idle(3, 80, 3)};
  const std::vector<Claim> claims{{9, 80}};
  const CapacityPlan plan = plan_capacity({10, 100}, held, claims);
  EXPECT_EQ(plan.end, std::vector<std::uint64_t>{3});
}

TEST(Capacity, RoomThatComesAnywayIsAwaited) {
  std::vector<HeldReplica> held{idle(1, 50, 1), idle(2, 50, 2)};
  held[1].state = State::kEnding;
  const std::vector<Claim> claims{{8, 50}, {9, 50}};
  const CapacityPlan plan = plan_capacity({10, 100}, held, claims);
  EXPECT_EQ(plan.verdicts, (std::vector{Verdict::kRoomComing, Verdict::kRoomComing}));
  EXPECT_EQ(plan.end, std::vector<std::uint64_t>{1});  // for the second claim only
}

TEST(Capacity, NobodyGoesInVain) {
  std::vector<HeldReplica> held{idle(1, 30, 1), idle(2, 70, 2)};
  held[1].state = State::kBusy;
  const std::vector<Claim> claims{{9, 50}};
  const CapacityPlan plan = plan_capacity({10, 100}, held, claims);
  EXPECT_EQ(plan.verdicts[0], Verdict::kNothingIdle);
  EXPECT_TRUE(plan.end.empty());
}

TEST(Capacity, ALargeClaimThatWasOvertakenOftenGoesFirst) {
  std::vector<HeldReplica> held{idle(1, 30, 1), idle(2, 60, 2)};
  held[1].state = State::kBusy;
  const std::vector<Claim> patient{{8, 90, kMaxOvertaken - 1}, {9, 10}};
  const CapacityPlan passed = plan_capacity({10, 100}, held, patient);
  EXPECT_EQ(passed.verdicts, (std::vector{Verdict::kNothingIdle, Verdict::kStart}));
  EXPECT_EQ(passed.overtaken, (std::vector{true, false}));
  const std::vector<Claim> enough{{8, 90, kMaxOvertaken}, {9, 10}};
  const CapacityPlan plan = plan_capacity({10, 100}, held, enough);
  EXPECT_EQ(plan.verdicts, (std::vector{Verdict::kNothingIdle, Verdict::kBehind}));
  EXPECT_EQ(plan.end, std::vector<std::uint64_t>{1});  // gathers room
}

TEST(Capacity, WhatNeverFitsIsSaidSo) {
  const std::vector<Claim> claims{{1, 101}, {2, ~0ULL}, {3, 100}};
  const CapacityPlan plan = plan_capacity({10, 100}, {}, claims);
  EXPECT_EQ(plan.verdicts, (std::vector{Verdict::kTooLarge, Verdict::kTooLarge, Verdict::kStart}));
  EXPECT_EQ(plan_capacity({0, 0}, {}, claims).verdicts[0], Verdict::kTooLarge);
}

struct Case {
  CapacityLimits limits;
  std::vector<HeldReplica> held;
  std::vector<Claim> claims;
};

Case generate(std::mt19937& random) {
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  Case c;
  c.limits = {1 + below(8), below(3) == 0 ? 0 : 50 + below(100)};
  const unsigned deployments = 1 + below(6);
  std::vector<unsigned> minimum(deployments);
  for (unsigned& m : minimum) m = below(4) == 0 ? 1 + below(2) : 0;
  for (unsigned id = 1, n = below(9); id <= n; ++id) {
    const unsigned d = below(deployments);
    c.held.push_back({id, d, below(40), static_cast<State>(below(3)),
                      at(static_cast<int>(below(9))), minimum[d]});
  }
  for (unsigned n = below(6); n > 0; --n) {
    c.claims.push_back({below(deployments), below(70), below(2) * below(2 * kMaxOvertaken)});
  }
  return c;
}

// What must hold of every plan, whatever the snapshot.
void check(const Case& c, const CapacityPlan& plan) {
  ASSERT_EQ(plan.verdicts.size(), c.claims.size());
  ASSERT_EQ(plan.overtaken.size(), c.claims.size());
  std::uint64_t now = 0, now_bytes = 0, later = 0, later_bytes = 0;
  std::unordered_map<std::uint64_t, unsigned> standing;
  for (const HeldReplica& r : c.held) {
    ++now, now_bytes += r.bytes;
    const bool victim = std::ranges::find(plan.end, r.id) != plan.end.end();
    if (victim) EXPECT_EQ(r.state, State::kIdle);
    if (victim || r.state == State::kEnding) continue;
    ++later, later_bytes += r.bytes;
    ++standing[r.deployment];
  }
  for (const HeldReplica& r : c.held) {  // no minimum is undercut by a victim
    if (std::ranges::find(plan.end, r.id) == plan.end.end()) continue;
    EXPECT_GE(standing[r.deployment], r.min_replicas);
  }
  std::vector<std::uint64_t> unique = plan.end;
  std::ranges::sort(unique);
  EXPECT_TRUE(std::ranges::adjacent_find(unique) == unique.end());

  bool barrier = false, impatient = false, reserves = false;
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const Verdict verdict = plan.verdicts[i];
    const bool gets = verdict == Verdict::kStart || verdict == Verdict::kRoomComing;
    if (verdict == Verdict::kStart) ++now, now_bytes += c.claims[i].bytes;
    if (gets) ++later, later_bytes += c.claims[i].bytes;
    if (gets) EXPECT_FALSE(barrier) << "a claim passed one that was overtaken too often";
    if (verdict == Verdict::kBehind) EXPECT_TRUE(barrier);
    barrier |= c.claims[i].overtaken >= kMaxOvertaken && verdict != Verdict::kStart &&
               verdict != Verdict::kTooLarge && verdict != Verdict::kBehind;
    impatient |= barrier;
    reserves |= verdict == Verdict::kRoomComing;
    if (plan.overtaken[i]) EXPECT_EQ(verdict, Verdict::kNothingIdle);
  }
  // Starts fit now, everything promised fits later, unless the host was over its limits before.
  const bool starts = std::ranges::find(plan.verdicts, Verdict::kStart) != plan.verdicts.end();
  if (starts) {
    EXPECT_LE(now, c.limits.replicas);
    if (c.limits.bytes != 0) EXPECT_LE(now_bytes, c.limits.bytes);
  }
  if (starts || reserves) {
    EXPECT_LE(later, c.limits.replicas);
    if (c.limits.bytes != 0) EXPECT_LE(later_bytes, c.limits.bytes);
  }
  if (!reserves && !impatient) EXPECT_TRUE(plan.end.empty()) << "somebody went for nothing";
}

TEST(Capacity, EveryPlanKeepsTheRules) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000 && !::testing::Test::HasFailure(); ++i) {
    const Case c = generate(random);
    SCOPED_TRACE(i);
    check(c, plan_capacity(c.limits, c.held, c.claims));
  }
}

// Acted upon until nothing changes, with work that always ends, every claim that can fit is placed.
TEST(Capacity, NoClaimStarves) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    const CapacityLimits limits{4, 100};
    std::vector<HeldReplica> held{{1, 1, 50, State::kBusy, at(0), 0},
                                  {2, 2, 50, State::kBusy, at(0), 0}};
    std::vector<Claim> claims{{1000, 100, 0}};  // needs the whole host
    std::uint64_t next = 3;
    int turns = 0;
    for (; turns < 2'000; ++turns) {
      while (claims.size() < 4) claims.push_back({next++, 10 + random() % 50, 0});
      const CapacityPlan plan = plan_capacity(limits, held, claims);
      for (const std::uint64_t id : plan.end)
        std::erase_if(held, [&](auto& r) { return r.id == id; });
      std::vector<Claim> left;
      for (std::size_t i = 0; i < claims.size(); ++i) {
        Claim c = claims[i];
        c.overtaken += plan.overtaken[i];
        if (plan.verdicts[i] != Verdict::kStart) {
          left.push_back(c);
        } else {
          held.push_back({next++, c.deployment, c.bytes, State::kBusy, at(turns), 0});
        }
      }
      claims = std::move(left);
      if (claims.empty() || claims[0].deployment != 1000) break;
      for (HeldReplica& r : held) r.state = random() % 3 == 0 ? State::kIdle : State::kBusy;
    }
    EXPECT_GT(turns, 0);
    EXPECT_LT(turns, 2'000);
  }
}

}  // namespace
}  // namespace tenon::scheduler
