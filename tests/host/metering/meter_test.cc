#include "host/metering/meter.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

namespace tenon::metering {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

const DeploymentKey kEcho{"default", "echo", "production"};
const DeploymentKey kOther{"default", "other", "production"};
const Flavor kCpu{FlavorType::kCpu, "x86"};
const Flavor kT4{FlavorType::kGpu, "t4"};
constexpr Hour kHour{std::chrono::hours(497'000)};

class MeterTest : public testing::Test {
 protected:
  void pass(std::chrono::nanoseconds time) {
    moment_.steady += time;
    moment_.wall += time;
  }

  Moment moment_{std::chrono::steady_clock::time_point(1'000s), kHour};
  Meter meter_{[this] { return moment_; }};
};

TEST_F(MeterTest, CountsReplicasAndTheirMemoryOverTime) {
  const auto first = meter_.replica_started(kEcho, 1, kT4, 100);
  pass(10s);
  const auto second = meter_.replica_started(kEcho, 1, kT4, 50);
  pass(5s);
  first->resized(10);
  pass(5s);
  first->ended();
  pass(1s);
  second->ended();
  pass(1'000s);
  EXPECT_EQ(meter_.take(),
            (std::vector<Usage>{{kHour,
                                 kEcho,
                                 1,
                                 kT4,
                                 {.replica_time = 31s,
                                  .device_byte_seconds = 10 * 100 + 5 * 150 + 5 * 60 + 1 * 50}}}));
}

TEST_F(MeterTest, NothingRunsNothingIsUsed) {
  EXPECT_TRUE(meter_.take().empty());
  meter_.replica_started(kEcho, 1, kCpu, 1'000)->ended();
  pass(24h);
  EXPECT_TRUE(meter_.take().empty());
  const auto replica = meter_.replica_started(kEcho, 1, kCpu, 1'000);
  pass(1s);
  EXPECT_EQ(meter_.take().size(), 1U);
  replica->ended();
  pass(24h);
  EXPECT_TRUE(meter_.take().empty());
}

TEST_F(MeterTest, KeepsDeploymentsRevisionsAndFlavorsApart) {
  const auto a = meter_.replica_started(kEcho, 1, kCpu, 0);
  const auto b = meter_.replica_started(kEcho, 2, kCpu, 0);
  const auto c = meter_.replica_started(kEcho, 2, kT4, 0);
  const auto d = meter_.replica_started(kOther, 2, kT4, 0);
  for (ReplicaMeter* replica : {a.get(), b.get(), c.get(), d.get(), d.get()}) {
    replica->request_finished({3, 4});
  }
  EXPECT_EQ(meter_.take(), (std::vector<Usage>{{kHour, kEcho, 1, kCpu, {1, 3, 4, {}, 0}},
                                               {kHour, kEcho, 2, kCpu, {1, 3, 4, {}, 0}},
                                               {kHour, kEcho, 2, kT4, {1, 3, 4, {}, 0}},
                                               {kHour, kOther, 2, kT4, {2, 6, 8, {}, 0}}}));
  EXPECT_TRUE(meter_.take().empty()) << "told once";
}

TEST_F(MeterTest, SplitsTimeAtTheHour) {
  pass(59min);
  const auto replica = meter_.replica_started(kEcho, 1, kT4, 80'000'000'000);
  pass(2h);
  replica->request_finished({1, 1});
  const std::vector<Usage> usage = meter_.take();
  ASSERT_EQ(usage.size(), 3U);
  EXPECT_EQ(usage[0], (Usage{kHour, kEcho, 1, kT4, {0, 0, 0, 1min, 60 * 80'000'000'000}}));
  EXPECT_EQ(usage[1], (Usage{kHour + 1h, kEcho, 1, kT4, {0, 0, 0, 1h, 3'600 * 80'000'000'000}}));
  EXPECT_EQ(usage[2],
            (Usage{kHour + 2h, kEcho, 1, kT4, {1, 1, 1, 59min, 59 * 60 * 80'000'000'000}}));
}

TEST_F(MeterTest, AWallClockThatIsSetDoesNotChangeHowLongAReplicaRan) {
  const auto replica = meter_.replica_started(kEcho, 1, kCpu, 7);
  pass(5s);
  moment_.wall += 24h;
  pass(5s);
  EXPECT_EQ(meter_.take()[0].used.replica_time, 10s);
  moment_.wall -= 48h;
  pass(5s);
  EXPECT_EQ(meter_.take()[0].used.replica_time, 5s);
}

TEST_F(MeterTest, SmallPiecesAddUpExactly) {
  std::mt19937 random(5);
  const auto replica = meter_.replica_started(kEcho, 1, kCpu, 3);
  std::chrono::nanoseconds passed{};
  Used sum;
  for (int i = 0; i < 20'000; ++i) {
    const std::chrono::nanoseconds piece(random() % 2'000'000);
    pass(piece);
    passed += piece;
    for (const Usage& usage : meter_.take()) {
      sum.replica_time += usage.used.replica_time;
      sum.device_byte_seconds += usage.used.device_byte_seconds;
    }
  }
  EXPECT_EQ(sum.replica_time, std::chrono::floor<milliseconds>(passed));
  EXPECT_EQ(sum.device_byte_seconds,
            static_cast<std::uint64_t>(3 * passed.count()) / 1'000'000'000);
}

TEST_F(MeterTest, AnAnswerThatComesAfterItsReplicasEndStillCounts) {
  const auto replica = meter_.replica_started(kEcho, 1, kCpu, 3);
  replica->ended();
  EXPECT_TRUE(meter_.take().empty());
  replica->request_finished({1, 2});
  EXPECT_EQ(meter_.take()[0].used, (Used{1, 1, 2, {}, 0}));
}

TEST_F(MeterTest, NothingIsLostBetweenThreads) {
  constexpr unsigned kThreads = 4, kRequests = 20'000;
  Used sum;
  const auto add = [&](const std::vector<Usage>& usages) {
    for (const Usage& usage : usages) {
      sum.requests += usage.used.requests;
      sum.input_tokens += usage.used.input_tokens;
      sum.output_tokens += usage.used.output_tokens;
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < kThreads; ++t) {
      threads.emplace_back([this] {
        auto replica = meter_.replica_started(kEcho, 1, kCpu, 1);
        for (unsigned i = 1; i <= kRequests; ++i) {
          replica->request_finished({2, 1});
          if (i % 1'000 == 0) replica = meter_.replica_started(kEcho, 1, kCpu, 1);
        }
      });
    }
    for (int i = 0; i < 100; ++i) add(meter_.take());
  }
  add(meter_.take());
  EXPECT_EQ(sum,
            (Used{kThreads * kRequests, kThreads * kRequests * 2ULL, kThreads * kRequests, {}, 0}));
}

}  // namespace
}  // namespace tenon::metering
