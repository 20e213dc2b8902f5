#include <gtest/gtest.h>

#include "tests/host/lifecycle/house.h"

namespace tenon::lifecycle::testing {
namespace {

using Start = Behaviour::Start;

TEST(ScaleOfADeployment, RestHasNoReplicasAndNoAlarms) {
  House house;
  house.apply({House::wanted("m", {.last_replica_retention = milliseconds(1000)})});
  EXPECT_EQ(house.clock.alarms_set(), 0U);
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  house.settle();
  EXPECT_EQ(house.clock.alarms_set(), 1U);
  house.clock.advance(milliseconds(999));
  house.settle();
  EXPECT_EQ(house.launcher.running("m").size(), 1U);
  house.clock.advance(milliseconds(1));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
  house.settle();
  EXPECT_EQ(house.clock.alarms_set(), 0U);
  EXPECT_EQ(house.status("m").phase, Phase::kDeployed);
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.launcher.launches("m"), 2U);
}

TEST(ScaleOfADeployment, WorkKeepsAReplica) {
  House house;
  house.launcher.behave("m", {.answers = false});
  house.apply({House::wanted("m", {.last_replica_retention = milliseconds(1000)})});
  const auto client = house.send("m");
  const auto replica = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return replica->inside() == 1; }));
  for (int i = 0; i < 5; ++i) {
    house.clock.advance(milliseconds(1000));
    house.settle();
  }
  EXPECT_FALSE(replica->stopped());
  replica->answer_all();
  EXPECT_EQ(client->wait().status, 200U);
  house.settle();
  house.clock.advance(milliseconds(999));
  house.settle();
  EXPECT_FALSE(replica->stopped());
  house.clock.advance(milliseconds(1));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
}

TEST(ScaleOfADeployment, GrowsByConcurrencyAndShrinksAgain) {
  House house;
  house.launcher.behave("m", {.answers = false});
  house.apply({House::wanted("m", {.max_replicas = 3,
                                   .target = 2,
                                   .last_replica_retention = milliseconds(5000),
                                   .stable_window = milliseconds(1000)})});
  std::vector<std::shared_ptr<Client>> clients;
  for (unsigned i = 0; i < 12; ++i) {
    clients.push_back(house.send("m", "x", i % 2));
    house.settle();
  }
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 3; }));
  EXPECT_EQ(house.status("m").in_flight, 12U);
  for (const auto& replica : house.launcher.running("m")) replica->answer_all();
  for (const auto& client : clients) EXPECT_EQ(client->wait().status, 200U);
  house.settle();
  house.clock.advance(milliseconds(1000));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").size() == 1; }));
  house.settle();
  house.clock.advance(milliseconds(4000));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
}

TEST(ScaleOfADeployment, SteadyLowTrafficGathersInFewerReplicas) {
  House house;
  house.launcher.behave("m", {.answers = false});
  house.apply(
      {House::wanted("m", {.max_replicas = 2, .target = 2, .stable_window = milliseconds(1000)})});
  std::vector<std::shared_ptr<Client>> burst;
  for (int i = 0; i < 4; ++i) {
    burst.push_back(house.send("m"));
    house.settle();
  }
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
  for (const auto& replica : house.launcher.running("m")) replica->answer_all();
  for (const auto& client : burst) client->wait();
  // Two at a time now, one in each: neither becomes idle.
  const auto a = house.send("m"), b = house.send("m");
  const auto replicas = house.launcher.running("m");
  EXPECT_TRUE(eventually([&] { return replicas[0]->inside() + replicas[1]->inside() == 2; }));
  house.settle();
  for (int i = 0; i < 3; ++i) {
    house.clock.advance(milliseconds(1000));
    house.settle();
  }
  EXPECT_EQ(house.status("m").replicas_ready, 1U);
  for (const auto& replica : replicas) replica->answer_all();
  EXPECT_EQ(a->wait().status, 200U);
  EXPECT_EQ(b->wait().status, 200U);
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").size() == 1; }));
}

// What a deployment's metric asks for, with one replica that never answers.
unsigned replicas_after(const Scale& scale, Behaviour behaviour, unsigned requests,
                        std::chrono::seconds time, milliseconds cpu_per_second = milliseconds(0)) {
  House house;
  behaviour.answers = false;
  house.launcher.behave("m", behaviour);
  house.apply({House::wanted("m", scale)});
  std::vector<std::shared_ptr<Client>> clients;
  for (unsigned i = 0; i < requests; ++i) clients.push_back(house.send("m"));
  EXPECT_TRUE(eventually([&] { return house.status("m").in_flight == requests; }));
  house.settle();
  for (std::chrono::seconds s{0}; s < time; ++s) {
    behaviour.cpu += cpu_per_second;
    house.launcher.behave("m", behaviour);
    house.clock.advance(std::chrono::seconds(1));
    house.settle();
  }
  const unsigned ready = house.status("m").replicas_ready;
  for (const auto& replica : house.launcher.running("m")) replica->answer_all();
  for (const auto& client : clients) client->wait();
  return ready;
}

TEST(ScaleOfADeployment, FollowsProcessorTimeAndMemory) {
  const Scale cpu{.max_replicas = 4, .metric = ScaleMetric::kCpu, .target = 50};
  // Per cent of the two threads that a replica has here.
  EXPECT_EQ(replicas_after(cpu, {}, 1, std::chrono::seconds(10), milliseconds(900)), 1U);
  EXPECT_GE(replicas_after(cpu, {}, 1, std::chrono::seconds(10), milliseconds(1'800)), 2U);
  const Scale memory{.max_replicas = 2, .metric = ScaleMetric::kMemory, .target = 100};
  EXPECT_EQ(replicas_after(memory, {.memory = 90 << 20}, 1, std::chrono::seconds(10)), 1U);
  EXPECT_EQ(replicas_after(memory, {.memory = 150 << 20}, 1, std::chrono::seconds(10)), 2U);
}

TEST(ScaleOfADeployment, FollowsRequestsPerSecond) {
  House house;
  house.apply({House::wanted("m", {.max_replicas = 4, .metric = ScaleMetric::kRps, .target = 10})});
  const auto traffic = [&](unsigned per_second, int seconds) {
    for (int s = 0; s < seconds; ++s) {
      for (unsigned i = 0; i < per_second; ++i) EXPECT_EQ(house.send("m")->wait().status, 200U);
      house.clock.advance(milliseconds(1'000));
      house.settle();
    }
  };
  traffic(8, 20);
  EXPECT_EQ(house.status("m").replicas_ready, 1U);
  traffic(28, 80);
  EXPECT_EQ(house.status("m").replicas_ready, 3U);
  traffic(0, 200);
  EXPECT_EQ(house.status("m").replicas_ready, 0U);
  EXPECT_EQ(house.clock.alarms_set(), 0U);
}

TEST(ScaleOfADeployment, FromZeroAsManyStartAsTheMinimumSays) {
  House house;
  house.apply({House::wanted("m", {.max_replicas = 4, .scale_up_minimum = 3})});
  EXPECT_EQ(house.status("m").replicas_ready, 0U);
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 3; }));
}

TEST(ScaleOfADeployment, TheMinimumStandsFromTheBeginning) {
  House house;
  house.apply({House::wanted("m", {.min_replicas = 2, .max_replicas = 3})});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
  house.settle();
  EXPECT_EQ(house.clock.alarms_set(), 0U);
  house.clock.advance(milliseconds(3'600'000));
  house.settle();
  EXPECT_EQ(house.launcher.running("m").size(), 2U);
}

TEST(ScaleOfADeployment, AReplicaWhoseClientsWentAwayGoesToo) {
  House house;
  house.launcher.behave("m", {.start = Start::kHeld});
  house.apply({House::wanted("m", {.last_replica_retention = milliseconds(1000)})});
  const auto client = house.send("m");
  const auto replica = house.launcher.only("m");
  client->abandon();
  replica->become_ready();
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  house.settle();
  house.clock.advance(milliseconds(1000));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
}

}  // namespace
}  // namespace tenon::lifecycle::testing
