#include <gtest/gtest.h>

#include <algorithm>

#include "tests/host/lifecycle/house.h"

// Two revisions of one deployment that share its requests.
namespace tenon::lifecycle::testing {
namespace {

using Start = Behaviour::Start;
using Type = LifeEvent::Type;

Wanted canary(std::uint64_t number, unsigned weight, const std::string& value = "new",
              const Scale& scale = {}) {
  Wanted wanted = House::revision("m", 1, "old", scale);
  const Wanted other = House::revision("m", number, value, scale);
  wanted.canary = WantedCanary{other.blueprint, number, weight};
  return wanted;
}

std::map<std::uint64_t, unsigned> answers(House& house, unsigned count, unsigned loop = 0) {
  std::map<std::uint64_t, unsigned> by_revision;
  for (unsigned i = 0; i < count; ++i) {
    const Outcome outcome = house.send("m", "x", loop)->wait();
    EXPECT_EQ(outcome.status, 200U) << outcome.message;
    ++by_revision[outcome.revision];
  }
  return by_revision;
}

TEST(Canary, GetsItsShareExactlyOnEachLoop) {
  House house;
  house.apply({canary(2, 20)});
  for (unsigned loop = 0; loop < 2; ++loop) {
    const auto by = answers(house, 200, loop);
    EXPECT_EQ(by.at(1), 160U);
    EXPECT_EQ(by.at(2), 40U);
  }
  const DeploymentStatus status = house.status("m");
  EXPECT_EQ(status.revision, 1U);
  EXPECT_EQ(status.canary->revision, 2U);
  EXPECT_EQ(status.canary->weight, 20U);
  EXPECT_EQ(status.canary->replicas_ready, 1U);
  EXPECT_EQ(house.launcher.launches("m"), 2U);
}

TEST(Canary, AnotherWeightTouchesNoReplica) {
  House house;
  house.apply({canary(2, 20)});
  answers(house, 100);
  house.apply({canary(2, 50)});
  house.settle();
  const auto by = answers(house, 100);
  EXPECT_EQ(by.at(2), 50U);
  EXPECT_EQ(house.launcher.launches("m"), 2U);
  EXPECT_EQ(house.diary.events(Type::kCanary).size(), 2U);
}

TEST(Canary, WaitsForItsOwnColdStartWhileTheOthersAreServed) {
  House house;
  house.launcher.behave("m/new", {.start = Start::kHeld});
  house.apply({canary(2, 50)});
  const auto a = house.send("m", "a");
  const auto b = house.send("m", "b");
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").size() == 1; }));
  EXPECT_TRUE(eventually([&] { return a->over() || b->over(); }));
  house.settle();
  EXPECT_NE(a->over(), b->over());
  EXPECT_EQ(house.status("m").canary->queued, 1U);
  house.launcher.with("m", "new")[0]->become_ready();
  EXPECT_EQ(a->wait().revision + b->wait().revision, 3U);
}

TEST(Canary, OneThatDoesNotLoadGivesItsRequestsBack) {
  House house;
  house.launcher.behave("m/bad", {.start = Start::kLoadFails});
  house.apply({canary(2, 50, "bad")});
  EXPECT_EQ(answers(house, 40).at(1), 40U);
  EXPECT_EQ(house.launcher.launches("m"), 2U);
  EXPECT_EQ(house.status("m").canary->failure, "config.json: no such file");
  EXPECT_EQ(house.status("m").phase, Phase::kDeployed);
  const auto revisions = house.diary.revisions();
  EXPECT_EQ(std::ranges::count(revisions, "2 failed: config.json: no such file"), 1);
}

TEST(Canary, OneThatCrashesInARowGetsNoMoreRequests) {
  House house;
  house.apply({canary(2, 50, "new", {.min_replicas = 1})});
  for (unsigned i = 0; i < house.options.restarts.breaker; ++i) {
    EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").size() == 1; }));
    house.launcher.with("m", "new")[0]->die();
    EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").empty(); }));
    house.settle();
    house.clock.advance(milliseconds(60'000));
  }
  house.settle();
  EXPECT_EQ(house.status("m").canary->failure, "the worker was shot");
  EXPECT_EQ(house.status("m").phase, Phase::kDeployed);
  house.clock.advance(milliseconds(3'600'000));
  house.settle();
  EXPECT_TRUE(house.launcher.with("m", "new").empty());
  EXPECT_EQ(answers(house, 20).at(1), 20U);
  EXPECT_EQ(house.diary.events(Type::kRevisionFailed).size(), 1U);
}

TEST(Canary, OneThatFailsIsNotFollowedByTheCanaryBeforeIt) {
  House house;
  house.apply({canary(2, 50)});
  EXPECT_EQ(answers(house, 10).at(2), 5U);
  house.launcher.behave("m/bad", {.start = Start::kLoadFails});
  house.apply({canary(3, 50, "bad")});
  EXPECT_TRUE(eventually([&] { return house.status("m").canary->failure.has_value(); }));
  house.settle();
  EXPECT_EQ(answers(house, 10).at(1), 10U);
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").empty(); }));
}

TEST(Canary, OneThatPoliciesForbidGivesItsRequestsBack) {
  House house;
  Wanted wanted = canary(2, 50);
  wanted.canary->terms.forbidden = "no place is allowed";
  house.apply({wanted});
  EXPECT_EQ(answers(house, 10).at(1), 10U);
  EXPECT_EQ(house.status("m").canary->failure, "no place is allowed");
  wanted.canary->terms.forbidden.reset();
  house.apply({wanted});
  house.settle();
  EXPECT_EQ(answers(house, 10).at(2), 5U);
  EXPECT_FALSE(house.status("m").canary->failure.has_value());
}

TEST(Canary, WhoWaitsForOneThatIsTakenAwayIsServedByTheOther) {
  House house;
  house.launcher.behave("m/new", {.start = Start::kHeld});
  house.apply({canary(2, 100)});
  std::vector<std::shared_ptr<Client>> clients;
  for (unsigned i = 0; i < 10; ++i) clients.push_back(house.send("m", "x", i % 2));
  EXPECT_TRUE(eventually([&] { return house.status("m").canary->queued == 10; }));
  house.apply({House::revision("m", 1, "old")});
  for (const auto& client : clients) EXPECT_EQ(client->wait().revision, 1U);
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").empty(); }));
  EXPECT_FALSE(house.status("m").canary.has_value());
}

TEST(Canary, WhoWaitsTooLongForItGoesToTheOther) {
  House house;
  house.launcher.behave("m/new", {.start = Start::kHeld});
  house.apply({canary(2, 100)});
  const auto client = house.send("m");
  EXPECT_TRUE(eventually([&] { return house.status("m").canary->queued == 1; }));
  house.clock.advance(milliseconds(60'000));
  EXPECT_EQ(client->wait().revision, 1U);
}

TEST(Canary, OneThatIsPromotedServesItsShareUntilTheRestHasFollowed) {
  House house;
  const Scale one{.min_replicas = 1};
  house.apply({canary(2, 50, "new", one)});
  EXPECT_TRUE(eventually([&] { return house.status("m").canary->replicas_ready == 1; }));
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  house.launcher.behave("m/new", {.start = Start::kHeld});
  house.apply({House::revision("m", 2, "new", one)});
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").size() == 2; }));
  house.settle();
  const auto by = answers(house, 100);
  EXPECT_EQ(by.at(1), 50U);
  EXPECT_EQ(by.at(2), 50U);
  house.launcher.with("m", "new")[1]->become_ready();
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "old").empty(); }));
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").size() == 1; }));
  house.settle();
  EXPECT_EQ(house.diary.revisions().back(), "2 ready");
  EXPECT_EQ(std::ranges::count(house.diary.revisions(), "2 ready as canary"), 1);
  EXPECT_EQ(answers(house, 20).at(2), 20U);
}

TEST(Canary, OneThatIsPromotedMakesRoomWhereThereIsNone) {
  House house;
  house.limits(2);
  const Scale one{.min_replicas = 1};
  house.apply({canary(2, 50, "new", one)});
  EXPECT_TRUE(eventually([&] { return house.status("m").canary->replicas_ready == 1; }));
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  house.apply({House::revision("m", 2, "new", one)});
  EXPECT_TRUE(eventually([&] { return house.status("m").revision == 2; }));
  EXPECT_EQ(answers(house, 20).at(2), 20U);
  EXPECT_LE(house.launcher.most_at_once(), 2U);
}

TEST(Canary, IsGoneWithADeploymentThatIsSwitchedOffOrDeleted) {
  House house;
  house.apply({canary(2, 50)});
  answers(house, 10);
  Wanted off = canary(2, 50);
  off.terms.enabled = off.canary->terms.enabled = false;
  house.apply({off});
  EXPECT_EQ(house.send("m")->wait().status, 409U);
  EXPECT_EQ(house.send("m")->wait().status, 409U);
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
  house.apply({canary(2, 50)});
  house.settle();
  EXPECT_EQ(answers(house, 10).at(2), 5U);
  house.apply({});
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
  EXPECT_TRUE(eventually([&] { return house.deployments->status().empty(); }));
}

}  // namespace
}  // namespace tenon::lifecycle::testing
