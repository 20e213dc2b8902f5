#include <gtest/gtest.h>

#include "tests/host/lifecycle/house.h"

namespace tenon::lifecycle::testing {
namespace {

using Start = Behaviour::Start;

TEST(Capacity, TheLongestIdleReplicaMakesRoom) {
  House house;
  house.limits(2);
  house.apply({House::wanted("a"), House::wanted("b"), House::wanted("c")});
  EXPECT_EQ(house.send("a")->wait().status, 200U);
  house.clock.advance(milliseconds(10));
  EXPECT_EQ(house.send("b")->wait().status, 200U);
  house.clock.advance(milliseconds(10));
  EXPECT_EQ(house.send("a")->wait().status, 200U);
  house.clock.advance(milliseconds(10));
  EXPECT_EQ(house.send("c")->wait().status, 200U);
  EXPECT_EQ(house.launcher.running("b").size(), 0U);
  EXPECT_EQ(house.launcher.running("a").size(), 1U);
  EXPECT_EQ(house.launcher.most_at_once(), 2U);
}

TEST(Capacity, NothingIdleMeansWaiting) {
  House house;
  house.limits(1);
  house.launcher.behave("a", {.answers = false});
  house.apply({House::wanted("a"), House::wanted("b")});
  const auto a = house.send("a");
  const auto replica = house.launcher.only("a");
  EXPECT_TRUE(eventually([&] { return replica->inside() == 1; }));
  const auto b = house.send("b");
  house.settle();
  EXPECT_FALSE(b->over());
  EXPECT_FALSE(replica->stopped());
  replica->answer_all();
  EXPECT_EQ(a->wait().status, 200U);
  EXPECT_EQ(b->wait().body, "b:x");
  EXPECT_EQ(house.launcher.most_at_once(), 1U);
}

TEST(Capacity, AMinimumIsNeverMadeToGo) {
  House house;
  house.limits(1);
  house.apply({House::wanted("pinned", {.min_replicas = 1}),
               House::wanted("b", {}, {.max_wait = milliseconds(1000)})});
  EXPECT_TRUE(eventually([&] { return house.status("pinned").replicas_ready == 1; }));
  const auto b = house.send("b");
  house.settle();
  house.clock.advance(milliseconds(1000));
  EXPECT_EQ(b->wait().status, 503U);
  EXPECT_EQ(house.launcher.launches("b"), 0U);
}

TEST(Capacity, MemoryCountsAsPredictedThenAsMeasured) {
  House house;
  house.limits(10, 100);
  house.launcher.behave("a", {.memory = 30, .estimate = {.host_bytes = 60}});
  house.launcher.behave("b", {.memory = 70, .estimate = {.host_bytes = 70}});
  house.launcher.behave("c", {.estimate = {.host_bytes = 101}});
  house.apply({House::wanted("a"), House::wanted("b"), House::wanted("c")});
  EXPECT_EQ(house.send("a")->wait().status, 200U);
  // 60 was predicted, 30 is measured: b fits beside it.
  EXPECT_EQ(house.send("b")->wait().status, 200U);
  EXPECT_EQ(house.launcher.running("a").size(), 1U);
  const Outcome too_large = house.send("c")->wait();
  EXPECT_EQ(too_large.status, 502U);
  EXPECT_NE(too_large.message.find("101"), std::string::npos) << too_large.message;
  EXPECT_EQ(house.launcher.launches("c"), 0U);
  EXPECT_EQ(house.launcher.running("a").size(), 1U);
}

TEST(Capacity, AReplicaIsLimitedByItsEstimateOrByItsOperator) {
  constexpr std::uint64_t kGiB = 1 << 30;
  House house;
  house.limits(10, 8 * kGiB);
  house.launcher.behave("a", {.estimate = {.host_bytes = kGiB, .mapped_bytes = kGiB}});
  house.launcher.behave("b", {.estimate = {.host_bytes = kGiB}});
  DeploymentLimits said;
  said.memory = 5 * kGiB;
  house.apply({House::wanted("a"), House::wanted("b", {}, said), House::wanted("c")});
  for (const char* model : {"a", "b", "c"}) EXPECT_EQ(house.send(model)->wait().status, 200U);
  const auto lease = [&](const char* model) {
    return house.launcher.running(model)[0]->spec.lease;
  };
  EXPECT_EQ(lease("a").memory_bytes, 3 * kGiB);
  EXPECT_EQ(lease("a").estimated_bytes, 2 * kGiB);
  EXPECT_EQ(lease("b").memory_bytes, 5 * kGiB);
  EXPECT_EQ(lease("c").memory_bytes, 8 * kGiB);
}

TEST(Capacity, TenThousandRequestsOverFiftyDeploymentsWithRoomForFive) {
  House house;
  house.limits(5);
  std::vector<Wanted> fifty;
  for (int i = 0; i < 50; ++i) {
    fifty.push_back(House::wanted("m" + std::to_string(i), {}, {.queue = 10'000}));
  }
  house.apply(std::move(fifty));
  // Waves, so that deployments come back after having been made to go.
  unsigned sent = 0;
  for (unsigned wave = 0; wave < 10; ++wave) {
    std::vector<std::pair<std::string, std::shared_ptr<Client>>> clients;
    for (unsigned i = 0; i < 1'000; ++i, ++sent) {
      const std::string model = "m" + std::to_string((sent * 7) % 50);
      clients.emplace_back(model, house.send(model, std::to_string(sent), i % 2));
    }
    sent -= 1'000;
    for (const auto& [model, client] : clients) {
      const Outcome outcome = client->wait();
      ASSERT_EQ(outcome.status, 200U) << outcome.message;
      ASSERT_EQ(outcome.body, model + ":" + std::to_string(sent++));
    }
  }
  EXPECT_LE(house.launcher.most_at_once(), 5U);
  EXPECT_GE(house.launcher.launches(), 50U);
}

}  // namespace
}  // namespace tenon::lifecycle::testing
