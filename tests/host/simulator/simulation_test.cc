#include "host/simulator/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tenon::simulator {
namespace {

using testing::HasSubstr;

const Flavor kT4{FlavorType::kGpu, "t4"};
constexpr std::uint64_t kGigabyte = 1'000'000'000;

scheduler::Device cpu() {
  return {.name = "node", .flavor = {FlavorType::kCpu, "x86"}};
}

scheduler::Device t4() {
  return {.name = "t4", .flavor = kT4, .bytes = 16 * kGigabyte};
}

// On GPUs, one request at once; it loads in a second.
Subject subject(const std::string& model, std::uint64_t gigabytes) {
  Subject out{.key = {"default", model, "production"},
              .scale = {},
              .limits = {},
              .flavors = {kT4},
              .workload = {}};
  out.scale.last_replica_retention = milliseconds(10'000);
  out.workload = {
      .load = milliseconds(1'000), .at_once = 1, .device_memory = gigabytes * kGigabyte};
  return out;
}

Outcome play(const Scenario& scenario, const std::string& requests) {
  const auto trace = parse_trace("time,deployment,duration\n" + requests);
  EXPECT_TRUE(trace) << trace.error().message;
  const auto outcome = simulate(scenario, *trace);
  EXPECT_TRUE(outcome) << outcome.error().message;
  return outcome.value_or(Outcome{});
}

const FlavorUse& of_t4(const Outcome& outcome) {
  return *std::ranges::find(outcome.flavors, kT4, &FlavorUse::flavor);
}

TEST(Simulation, AColdStartIsWaitedForAndAWarmReplicaIsNot) {
  const Outcome o = play({{cpu(), t4()}, {subject("a", 8)}}, "0,a,0.5\n3,a,0.5\n");
  EXPECT_EQ(o.requests, 2u);
  EXPECT_EQ(o.served, 2u);
  EXPECT_EQ(o.cold, 1u);
  EXPECT_EQ(o.starts, 1u);
  EXPECT_EQ(o.waits.at(0), microseconds(0));
  EXPECT_EQ(o.waits.at(1), microseconds(1'000'000));
  EXPECT_EQ(o.time, microseconds(3'500'000));
  EXPECT_DOUBLE_EQ(of_t4(o).held, 0.5) << "8 of 16 GB, all the time";
  EXPECT_NEAR(of_t4(o).busy, 1.0 / 3.5, 1e-9);
  EXPECT_EQ(of_t4(o).starts, 1u);
}

TEST(Simulation, AnIdleReplicaGoesAfterItsRetention) {
  const Outcome o = play({{cpu(), t4()}, {subject("a", 8)}}, "0,a,0.5\n60,a,0.5\n");
  EXPECT_EQ(o.starts, 2u);
  EXPECT_EQ(o.cold, 2u);
  EXPECT_EQ(o.evictions, 0u);
}

TEST(Simulation, IdleReplicasMakeRoom) {
  const Scenario s{{cpu(), t4()}, {subject("a", 10), subject("b", 10)}};
  const Outcome o = play(s, "0,a,0.5\n3,b,0.5\n6,a,0.5\n");
  EXPECT_EQ(o.served, 3u);
  EXPECT_EQ(o.evictions, 2u);
  EXPECT_EQ(o.most_replicas, 1u);
  EXPECT_GE(o.cold_waits.at(1), microseconds(1'100'000)) << "one that ends, then a load";
}

TEST(Simulation, WorkIsNeverMadeToGoAndWhoWaitsTooLongIsRefused) {
  Scenario s{{cpu(), t4()}, {subject("a", 10), subject("b", 10)}};
  s.subjects[1].limits.max_wait = milliseconds(2'000);
  const Outcome o = play(s, "0,a,30\n3,b,0.5\n");
  EXPECT_EQ(o.served, 1u);
  EXPECT_EQ(o.waited_too_long, 1u);
  EXPECT_EQ(o.most_waiting, 1u);
}

TEST(Simulation, MoreReplicasComeWhileTheyAreWanted) {
  Scenario s{{cpu(), t4(), t4(), t4()}, {subject("a", 10)}};
  s.subjects[0].scale.max_replicas = 3;
  s.subjects[0].scale.target = 1;
  std::string requests;
  for (int i = 0; i < 60; ++i) requests += std::to_string(i) + ",a,2.5\n";
  const Outcome o = play(s, requests);
  EXPECT_EQ(o.served, 60u);
  EXPECT_EQ(o.most_replicas, 3u);
}

TEST(Simulation, RefusesWhatHasNoPlace) {
  Scenario s{{cpu(), t4()}, {subject("large", 17), subject("banned", 1)}};
  s.subjects[1].forbidden = "policy eu-only";
  const Outcome o = play(s, "0,large,1\n1,banned,1\n2,large,1\n");
  EXPECT_EQ(o.no_place, 3u);
  ASSERT_EQ(o.unplaced.size(), 2u);
  EXPECT_THAT(o.unplaced[0].why, HasSubstr("the largest device has 16.0 GB, 17.0 GB are needed"));
  EXPECT_EQ(o.unplaced[0].requests, 2u);
  EXPECT_EQ(o.unplaced[1].why, "policy eu-only");
}

TEST(Simulation, AFullQueueRefuses) {
  Scenario s{{cpu(), t4()}, {subject("a", 8)}};
  s.subjects[0].limits.queue = 2;
  EXPECT_EQ(play(s, "0,a,1\n0,a,1\n0,a,1\n").queue_full, 1u);
}

TEST(Simulation, OfTokensTakesTheirTime) {
  Scenario s{{cpu(), t4()}, {subject("a", 8)}};
  s.subjects[0].workload.tokens_per_second = 50;
  const auto trace = parse_trace("time,deployment,tokens\n0,a,100\n");
  EXPECT_EQ(simulate(s, *trace)->time, microseconds(3'000'000));
}

TEST(Simulation, KnowsDeploymentsByTheirWholeNames) {
  Scenario s{{cpu(), t4()}, {subject("a", 1)}};
  s.subjects[0].key = {"team", "a", "staging"};
  EXPECT_EQ(play(s, "0,team/a@staging,1\n0,a@staging,1\n").served, 2u);
  const auto trace = parse_trace("time,deployment\n0,a@stagin\n");
  EXPECT_THAT(simulate(s, *trace).error().message,
              HasSubstr("no such deployment; did you mean 'a@staging'?"));
}

// A day: 10,000 deployments, of which few are asked often and most rarely, on 1,000 devices.
TEST(Simulation, OfALargeFleetIsSoundAndTheSameEachTime) {
  Scenario s;
  for (unsigned node = 0; node < 125; ++node) {
    s.devices.push_back(cpu());
    s.devices.back().node = node;
    for (unsigned d = 0; d < 8; ++d) {
      s.devices.push_back(t4());
      s.devices.back().node = node;
    }
  }
  std::mt19937 random(1);
  constexpr unsigned kDeployments = 10'000;
  for (unsigned i = 0; i < kDeployments; ++i) {
    s.subjects.push_back(subject("m" + std::to_string(i), 2 + random() % 14));
    s.subjects.back().scale.max_replicas = i < 100 ? 8 : 1;
    s.subjects.back().workload.at_once = 4;
  }
  Trace trace;
  for (unsigned i = 0; i < kDeployments; ++i) trace.names.push_back("m" + std::to_string(i));
  constexpr unsigned kRequests = 200'000;
  for (unsigned i = 0; i < kRequests; ++i) {
    const double place = std::pow(static_cast<double>(random() % 1'000'000) / 1e6, 3);
    trace.arrivals.push_back({.at = microseconds(86'400'000'000 / kRequests * i),
                              .number = i,
                              .deployment = static_cast<std::uint32_t>(place * kDeployments),
                              .duration = microseconds(100'000 + random() % 2'000'000)});
  }
  const Outcome o = *simulate(s, trace);
  EXPECT_EQ(o.requests, kRequests);
  EXPECT_EQ(o.served + o.waited_too_long + o.queue_full + o.no_place, kRequests);
  EXPECT_EQ(o.no_place, 0u);
  EXPECT_GT(o.starts, o.evictions);
  EXPECT_LE(of_t4(o).held, 1.0);
  EXPECT_GT(of_t4(o).held, 0.0);
  const Outcome again = *simulate(s, trace);
  EXPECT_EQ(again.starts, o.starts);
  EXPECT_EQ(again.evictions, o.evictions);
  EXPECT_EQ(again.cold, o.cold);
  EXPECT_EQ(again.waits.at(0.99), o.waits.at(0.99));
  EXPECT_EQ(of_t4(again).held, of_t4(o).held);
}

}  // namespace
}  // namespace tenon::simulator
