#include "host/scheduler/autoscaler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace tenon::scheduler {
namespace {

using Seconds = std::chrono::duration<double>;

TimePoint at(double s) {
  return TimePoint(std::chrono::hours(1)) +
         std::chrono::duration_cast<TimePoint::duration>(Seconds(s));
}

// A deployment whose replicas become ready `start` after they are wanted, under recorded traffic:
// how much of the metric there is at each moment.
class Replay {
 public:
  explicit Replay(const Scale& s, double start = 0) : scale(s), start_(start) {}

  unsigned ready = 0, most = 0;
  Scale scale;

  void run(double until, const std::function<double(double)>& load) {
    for (; now < until; now += kTick) {
      const double amount = load(now);
      sum_ += amount * kTick;
      const auto requests = static_cast<std::uint64_t>(
          scale.metric == ScaleMetric::kConcurrency ? amount : std::ceil(amount / 1e6));
      std::erase_if(starting_, [&](double when) { return when <= now ? (++ready, true) : false; });
      // As the host does it: at a step, and at once when there is much.
      const bool due = scaler.next() && at(now) >= *scaler.next();
      const unsigned tell = scaler.tell_above(scale, std::max(1U, ready));
      const bool told = requests > std::uint64_t(tell) * ready;
      if (due || told || ready != seen_ || ready == 0) {
        seen_ = ready;
        scaler.observe(scale, {ready, requests, sum_}, at(now));
      }
      const unsigned wanted = scaler.wanted(scale, ready, requests);
      while (ready + starting_.size() < wanted) starting_.push_back(now + start_);
      if (start_ == 0) ready += static_cast<unsigned>(starting_.size()), starting_.clear();
      if (ready > std::max(1U, wanted)) ready = std::max(1U, wanted);  // the last has its own rule
      most = std::max(most, ready);
    }
  }

  double now = 0;
  Autoscaler scaler;

 private:
  static constexpr double kTick = 0.1;
  double start_, sum_ = 0;
  unsigned seen_ = 0;
  std::vector<double> starting_;
};

auto constant(double load) {
  return [load](double) { return load; };
}

TEST(Autoscaler, FromZeroOneStartsOrTheMinimum) {
  const Autoscaler none;
  const Scale scale{.max_replicas = 4, .target = 1};
  EXPECT_EQ(none.wanted(scale, 0, 200), 1U);
  EXPECT_EQ(none.wanted(scale, 0, 0), 0U);
  EXPECT_EQ(none.wanted({.max_replicas = 4, .target = 1, .scale_up_minimum = 3}, 0, 1), 3U);
  EXPECT_EQ(none.wanted({.min_replicas = 3, .max_replicas = 4, .target = 1}, 0, 200), 3U);
}

// What https://knative.dev/docs/serving/autoscaling says of each setting, one case a row: constant
// load from nothing, and how many replicas stand after so long.
TEST(Autoscaler, KnativesTable) {
  struct Case {
    const char* rule;
    Scale scale;
    double load, seconds;
    unsigned replicas;
  };
  const auto kRps = ScaleMetric::kRps;
  const auto kCpu = ScaleMetric::kCpu;
  const auto kMemory = ScaleMetric::kMemory;
  const Case cases[] = {
      {"concurrency: requests at once for each replica",
       {.max_replicas = 20, .target = 10},
       35,
       90,
       4},
      {"an average that is the target needs no more",
       {.max_replicas = 20, .target = 10},
       40,
       90,
       4},
      {"rps: requests per second for each replica",
       {.max_replicas = 20, .metric = kRps, .target = 150},
       600,
       90,
       4},
      {"cpu: per cent of a replica",
       {.max_replicas = 20, .metric = kCpu, .target = 80},
       230,
       90,
       3},
      {"memory: MiB of a replica",
       {.max_replicas = 20, .metric = kMemory, .target = 200},
       700,
       90,
       4},
      {"max-scale: an upper bound", {.max_replicas = 3, .target = 10}, 1'000, 90, 3},
      {"min-scale: a lower bound", {.min_replicas = 2, .max_replicas = 3, .target = 10}, 1, 300, 2},
      {"activation-scale: from zero at least so many",
       {.max_replicas = 20, .target = 10, .scale_up_minimum = 5},
       1,
       0.5,
       5},
      {"… and ignored once it was reached",
       {.max_replicas = 20, .target = 10, .scale_up_minimum = 5},
       1,
       90,
       1},
      {"panic: twice what is ready is answered before the stable window is over",
       {.max_replicas = 100, .target = 10},
       500,
       1,
       50},
      {"rps panics by the short window as well",
       {.max_replicas = 20, .metric = kRps, .target = 100},
       1'000,
       5,
       10},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.rule);
    Replay replay(c.scale);
    replay.run(c.seconds, constant(c.load));
    EXPECT_EQ(replay.ready, c.replicas);
  }
}

TEST(Autoscaler, TheStableWindowSmooths) {
  // Bursts of 15 for a tenth of the time: the average of 1.5 needs one replica; each burst alone is
  // less than twice two replicas.
  Replay replay({.max_replicas = 9, .target = 10});
  replay.run(200, constant(15));
  EXPECT_EQ(replay.ready, 2U);
  replay.run(600, [](double t) { return std::fmod(t, 10) < 1 ? 15.0 : 0.0; });
  EXPECT_EQ(replay.ready, 2U) << "each burst is 200 % of one replica: panic holds two";
  replay.run(900, [](double t) { return std::fmod(t, 10) < 1 ? 9.0 : 0.0; });
  EXPECT_EQ(replay.ready, 1U);
}

TEST(Autoscaler, APanicNeverScalesDownAndEndsAfterAStableWindow) {
  Replay replay({.max_replicas = 50, .target = 10});
  replay.run(30, constant(10));
  replay.run(36, constant(300));
  EXPECT_EQ(replay.ready, 30U);
  replay.run(30 + 58, constant(10));
  EXPECT_EQ(replay.ready, 30U);
  replay.run(36 + 75, constant(10));
  EXPECT_LE(replay.ready, 15U) << "the window still holds some of it";
  replay.run(36 + 150, constant(10));
  EXPECT_EQ(replay.ready, 1U);
}

TEST(Autoscaler, DownByHalfAtMostInOneStep) {
  Replay replay({.max_replicas = 64, .target = 1, .stable_window = milliseconds(6'000)});
  replay.run(20, constant(64));
  ASSERT_EQ(replay.ready, 64U);
  replay.scale.target = 64;  // all at once too many
  unsigned before = 64;
  for (double t = 20; t < 60; t += 0.1) {
    replay.run(t, constant(64));
    ASSERT_GE(replay.ready, before / 2);
    before = replay.ready;
  }
  EXPECT_EQ(before, 1U);
}

TEST(Autoscaler, ScaleDownDelayHoldsTheMostOfItsTime) {
  const Scale scale{.max_replicas = 9, .target = 10, .scale_down_delay = milliseconds(120'000)};
  Replay replay(scale);
  replay.run(100, constant(18));
  ASSERT_EQ(replay.ready, 2U);
  replay.run(100 + 120, constant(5));
  EXPECT_EQ(replay.ready, 2U);
  replay.run(100 + 60 + 120 + 70, constant(5));
  EXPECT_EQ(replay.ready, 1U);
}

TEST(Autoscaler, RestsWhenNothingIsAsked) {
  for (const ScaleMetric metric :
       {ScaleMetric::kConcurrency, ScaleMetric::kRps, ScaleMetric::kCpu}) {
    Replay replay({.max_replicas = 9, .metric = metric, .target = 10});
    replay.run(100, constant(35));
    EXPECT_EQ(replay.ready, 4U);
    EXPECT_TRUE(replay.scaler.next());
    replay.run(400, constant(0));
    EXPECT_EQ(replay.ready, 1U);
    EXPECT_FALSE(replay.scaler.next());
  }
  Autoscaler fixed;
  fixed.observe({.max_replicas = 1}, {1, 100, 0}, at(1));
  EXPECT_FALSE(fixed.next()) << "one replica, at least and at most: nothing to average";
}

TEST(Autoscaler, SlowStartsAreNotAskedForTwice) {
  Replay replay({.max_replicas = 50, .target = 10}, 20);
  replay.run(60, constant(100));
  EXPECT_EQ(replay.most, 10U);
}

// A day of a web service, as hourly means with noise: never far from what it needs.
TEST(Autoscaler, FollowsADay) {
  constexpr double kHours[] = {4,  3,  2,  2,  3,  6,  14, 30, 52, 61, 64, 66,
                               58, 60, 63, 61, 55, 48, 40, 33, 26, 18, 11, 7};
  std::mt19937 random(4);
  std::normal_distribution<double> noise(1, 0.1);
  Replay replay({.max_replicas = 20, .target = 8}, 3);
  unsigned changes = 0, before = 0;
  for (double minute = 0; minute < 24 * 60; ++minute) {
    const double hour = minute / 60;
    const auto h = static_cast<std::size_t>(hour);
    const double mean = kHours[h] + (kHours[(h + 1) % 24] - kHours[h]) * (hour - std::floor(hour));
    const double load = std::max(1.0, mean * noise(random));
    replay.run((minute + 1) * 60, constant(load));
    EXPECT_LE(std::abs(static_cast<double>(replay.ready) - std::ceil(load / 8)), 1);
    changes += replay.ready != before;
    before = replay.ready;
  }
  EXPECT_LT(changes, 600U);
}

TEST(Autoscaler, StaysBetweenItsBounds) {
  std::mt19937 random(6);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (int i = 0; i < 300; ++i) {
    const Scale scale{.min_replicas = below(3),
                      .max_replicas = 3 + below(5),
                      .metric = static_cast<ScaleMetric>(below(4)),
                      .target = 1 + below(20),
                      .scale_up_minimum = 1 + below(3),
                      .scale_down_delay = milliseconds(below(2) * below(30'000)),
                      .stable_window = milliseconds(6'000 + below(30'000))};
    Autoscaler scaler;
    double sum = 0;
    for (double now = 0; now < 100; now += 0.01 * below(300)) {
      sum += below(60);
      const unsigned ready = below(9);
      const unsigned requests = below(3) * below(100);
      scaler.observe(scale, {ready, requests, sum}, at(now));
      const unsigned wanted = scaler.wanted(scale, ready, requests);
      ASSERT_LE(wanted, scale.max_replicas);
      ASSERT_GE(wanted, scale.min_replicas);
      if (scaler.next()) ASSERT_GT(*scaler.next(), at(now));
    }
  }
}

TEST(SlidingAverage, ForgetsWhatIsOlderThanTheWindow) {
  SlidingAverage average(std::chrono::seconds(60), at(0), 1'000);
  EXPECT_EQ(average.over(60), 0);
  average.read(at(10), 1'100);
  EXPECT_NEAR(average.over(60), 10, 1e-6) << "shorter than the window";
  average.read(at(60), 1'100);
  EXPECT_NEAR(average.over(60), 100.0 / 60, 0.2) << "exact to a quantum";
  EXPECT_EQ(average.over(6), 0);
  average.read(at(75), 1'100);
  EXPECT_EQ(average.over(60), 0);
  average.read(at(10'000), 1'100 + 9'925 * 3);
  EXPECT_NEAR(average.over(60), 3, 1e-6);
  EXPECT_NEAR(average.over(6), 3, 1e-6);
}

}  // namespace
}  // namespace tenon::scheduler
