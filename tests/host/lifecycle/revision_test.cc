#include <gtest/gtest.h>

#include "tests/host/lifecycle/house.h"

// How requests pass from one revision to the next, and back.
namespace tenon::lifecycle::testing {
namespace {

using Start = Behaviour::Start;
using Type = LifeEvent::Type;
using Words = std::vector<std::string>;

constexpr Scale kTwo{.min_replicas = 2, .max_replicas = 4};

TEST(Revision, EachAnswerSaysWhichRevisionGaveIt) {
  House house;
  house.apply({House::revision("m", 7, "a")});
  EXPECT_EQ(house.send("m")->wait().revision, 7U);
  EXPECT_EQ(house.status("m").revision, 7U);
  EXPECT_EQ(house.diary.revisions(), (Words{"7 ready"}));
  const auto replica = house.launcher.only("m");
  // The same worker under a new number: the replica stays and answers as the new revision.
  house.apply({House::revision("m", 8, "a", {.max_replicas = 3})});
  EXPECT_EQ(house.send("m")->wait().revision, 8U);
  EXPECT_EQ(house.launcher.only("m"), replica);
  EXPECT_EQ(house.diary.revisions(), (Words{"7 ready", "8 ready"}));
}

TEST(Revision, AllRequestsMoveAtOnceWhenTheNewOneHasTheSameScale) {
  House house;
  house.apply({House::revision("m", 1, "old", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
  house.launcher.behave("m/new", {.start = Start::kHeld});
  house.apply({House::revision("m", 2, "new", {.max_replicas = 4})});
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").size() == 2; }));
  EXPECT_EQ(house.status("m").next, 2U);
  const auto fresh = house.launcher.with("m", "new");
  fresh[0]->become_ready();
  house.settle();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(house.send("m")->wait().revision, 1U);
  EXPECT_EQ(house.launcher.with("m", "old").size(), 2U);
  fresh[1]->become_ready();
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "old").empty(); }));
  house.settle();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(house.send("m")->wait().revision, 2U);
  EXPECT_EQ(house.status("m").revision, 2U);
  EXPECT_EQ(house.status("m").next, 0U);
  EXPECT_EQ(house.diary.revisions(), (Words{"1 ready", "2 ready"}));
  EXPECT_EQ(house.diary.phases(), (std::vector{Phase::kDeploying, Phase::kDeployed}));
}

TEST(Revision, AnIdleReplicaIsFollowedAsWell) {
  House house;
  house.apply({House::revision("m", 1, "old")});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  house.apply({House::revision("m", 2, "new")});
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "old").empty(); }));
  EXPECT_EQ(house.launcher.with("m", "new").size(), 1U);
  EXPECT_EQ(house.send("m")->wait().revision, 2U);
  EXPECT_EQ(house.launcher.launches("m"), 2U);
}

TEST(Revision, OtherFilesInTheSameFolderAreAnotherRevision) {
  House house;
  Wanted wanted = House::revision("m", 1, "a");
  House::change(wanted, [](DeploymentSpec& spec) { spec.origin_digest = 1; });
  house.apply({wanted});
  EXPECT_EQ(house.send("m")->wait().revision, 1U);
  const auto before = house.launcher.only("m");
  House::change(wanted, [](DeploymentSpec& spec) { spec.origin_digest = 2; });
  wanted.revision = 2;
  house.apply({wanted});
  EXPECT_TRUE(eventually([&] { return house.status("m").revision == 2; }));
  EXPECT_EQ(house.send("m")->wait().revision, 2U);
  EXPECT_TRUE(before->stopped());
}

TEST(Revision, WithoutRoomForAllOldOnesGoOneByOneOnceANewOneIsReady) {
  House house;
  house.limits(3);
  house.apply({House::revision("m", 1, "old", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
  house.launcher.behave("m/new", {.start = Start::kHeld});
  house.apply({House::revision("m", 2, "new", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").size() == 1; }));
  house.settle();
  EXPECT_EQ(house.launcher.with("m", "old").size(), 2U);
  house.launcher.with("m", "new")[0]->become_ready();
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").size() == 2; }));
  EXPECT_EQ(house.launcher.with("m", "old").size(), 1U);
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  house.launcher.with("m", "new")[1]->become_ready();
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "old").empty(); }));
  house.settle();
  EXPECT_EQ(house.send("m")->wait().revision, 2U);
  EXPECT_LE(house.launcher.most_at_once(), 3U);
}

TEST(Revision, OneThatDoesNotLoadLeavesTheOldOneServingAndSaysWhy) {
  House house;
  house.apply({House::revision("m", 1, "old", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
  house.launcher.behave("m/bad", {.start = Start::kLoadFails});
  house.apply({House::revision("m", 2, "bad", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").failed.has_value(); }));
  house.settle();
  const DeploymentStatus status = house.status("m");
  EXPECT_EQ(status.failed->number, 2U);
  EXPECT_EQ(status.failed->reason, "config.json: no such file");
  EXPECT_EQ(status.revision, 1U);
  EXPECT_EQ(status.next, 0U);
  EXPECT_EQ(status.phase, Phase::kDeployed);
  EXPECT_EQ(house.send("m")->wait().revision, 1U);
  EXPECT_EQ(house.diary.revisions(), (Words{"1 ready", "2 failed: config.json: no such file"}));
  EXPECT_EQ(house.diary.events(Type::kRevisionFailed).size(), 1U);
  // It is not tried again, the old one goes on as if nothing had been, crashes included.
  const std::size_t launches = house.launcher.launches("m");
  house.launcher.with("m", "old")[0]->die();
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  house.settle();
  house.clock.advance(milliseconds(60'000));
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "old").size() == 2; }));
  EXPECT_EQ(house.launcher.launches("m"), launches + 1);
  // Another number is another try.
  house.launcher.behave("m/bad", {});
  house.apply({House::revision("m", 3, "bad", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").revision == 3; }));
  EXPECT_FALSE(house.status("m").failed.has_value());
}

TEST(Revision, AtZeroTheFirstRequestStartsItAndTheEarlierOneHelpsOutOnce) {
  House house;
  house.apply({House::revision("m", 1, "old", {.last_replica_retention = milliseconds(10)})});
  EXPECT_EQ(house.send("m")->wait().revision, 1U);
  house.settle();
  house.clock.advance(milliseconds(10));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
  house.launcher.behave("m/bad", {.start = Start::kLoadFails});
  house.apply({House::revision("m", 2, "bad")});
  EXPECT_EQ(house.status("m").revision, 2U);
  std::vector<std::shared_ptr<Client>> clients;
  for (unsigned i = 0; i < 10; ++i) clients.push_back(house.send("m", "x", i % 2));
  for (const auto& client : clients) EXPECT_EQ(client->wait().revision, 1U);
  EXPECT_EQ(house.launcher.launches("m"), 3U);
  EXPECT_EQ(house.status("m").failed->number, 2U);
  EXPECT_EQ(house.status("m").revision, 1U);
}

TEST(Revision, OneOfAnEarlierHostServesWhenItsSuccessorCannot) {
  House house;
  house.launcher.behave("m/bad", {.start = Start::kLoadFails});
  Wanted wanted = House::revision("m", 3, "bad");
  wanted.earlier = WantedEarlier{House::revision("m", 2, "old").blueprint, 2};
  house.apply({wanted});
  EXPECT_EQ(house.send("m")->wait().revision, 2U);
  EXPECT_EQ(house.status("m").phase, Phase::kDeployed);
  EXPECT_EQ(house.status("m").failed->number, 3U);
  house.apply({House::revision("m", 4, "good")});
  EXPECT_TRUE(eventually([&] { return house.status("m").revision == 4; }));
}

TEST(Revision, OneThatServedUnderAnEarlierHostIsFallenBackToAndNotToldOfAgain) {
  House house;
  Wanted wanted = House::revision("m", 2, "old");
  wanted.proven = true;
  house.apply({wanted});
  house.launcher.behave("m/bad", {.start = Start::kLoadFails});
  house.apply({House::revision("m", 3, "bad")});
  EXPECT_EQ(house.send("m")->wait().revision, 2U);
  EXPECT_EQ(house.diary.revisions(), (Words{"3 failed: config.json: no such file"}));
}

TEST(Revision, WhenTheEarlierOneFailsTooWhoWaitsIsTold) {
  House house;
  house.apply({House::revision("m", 1, "old", {.last_replica_retention = milliseconds(10)})});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  house.settle();
  house.clock.advance(milliseconds(10));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
  house.launcher.behave("m", {.start = Start::kLoadFails});
  house.apply({House::revision("m", 2, "bad")});
  EXPECT_EQ(house.send("m")->wait().status, 502U);
  EXPECT_EQ(house.launcher.launches("m"), 3U);
  EXPECT_EQ(house.status("m").phase, Phase::kFailed);
}

TEST(Revision, OneThatNeverFitsLeavesTheOldOneServing) {
  House house;
  house.limits(8, 1'000);
  house.launcher.behave("m/old", {.memory = 400, .estimate = {.host_bytes = 400}});
  house.launcher.behave("m/big", {.estimate = {.host_bytes = 2'000}});
  house.apply({House::revision("m", 1, "old", {.min_replicas = 1})});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  house.apply({House::revision("m", 2, "big", {.min_replicas = 1})});
  EXPECT_TRUE(eventually([&] { return house.status("m").failed.has_value(); }));
  EXPECT_EQ(house.send("m")->wait().revision, 1U);
}

TEST(Revision, ARollbackBeforeTheNewOneIsReadyTouchesNothing) {
  House house;
  house.apply({House::revision("m", 1, "old", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
  const auto before = house.launcher.with("m", "old");
  house.launcher.behave("m/new", {.start = Start::kHeld});
  house.apply({House::revision("m", 2, "new", {.min_replicas = 3, .max_replicas = 4})});
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").size() == 3; }));
  house.launcher.with("m", "new")[0]->become_ready();
  house.settle();
  house.apply({House::revision("m", 1, "old", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").empty(); }));
  house.settle();
  EXPECT_EQ(house.launcher.with("m", "old"), before);
  EXPECT_EQ(house.send("m")->wait().revision, 1U);
  EXPECT_EQ(house.status("m").next, 0U);
}

TEST(Revision, ARollbackAfterItIsAnUpdateLikeAnother) {
  House house;
  house.apply({House::revision("m", 1, "old", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
  house.apply({House::revision("m", 2, "new", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").revision == 2; }));
  house.apply({House::revision("m", 1, "old", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").revision == 1; }));
  EXPECT_EQ(house.send("m")->wait().revision, 1U);
  EXPECT_EQ(house.diary.revisions(), (Words{"1 ready", "2 ready", "1 ready"}));
}

TEST(Revision, AThirdOneOvertakesASecondThatIsNotReady) {
  House house;
  house.apply({House::revision("m", 1, "old", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
  house.launcher.behave("m/new", {.start = Start::kHeld});
  house.apply({House::revision("m", 2, "new", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").size() == 2; }));
  house.launcher.with("m", "new")[0]->become_ready();
  house.settle();
  house.launcher.behave("m/third", {.start = Start::kLoadFails});
  house.apply({House::revision("m", 3, "third", kTwo)});
  EXPECT_TRUE(eventually([&] { return house.status("m").failed.has_value(); }));
  EXPECT_EQ(house.status("m").failed->number, 3U);
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").empty(); }));
  EXPECT_EQ(house.launcher.with("m", "old").size(), 2U);
  EXPECT_EQ(house.send("m")->wait().revision, 1U);
}

TEST(Revision, WhatHappensIsToldInItsOrder) {
  House house;
  house.apply({House::revision("m", 1, "a")});
  house.launcher.behave("m/a", {.answers = false});
  const auto client = house.send("m");
  const auto replica = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return replica->inside() == 1; }));
  client->restartable = false;
  replica->die();
  client->wait();
  EXPECT_TRUE(eventually([&] { return !house.diary.events(Type::kCrashed).empty(); }));
  EXPECT_EQ(house.diary.types(), (std::vector{Type::kState, Type::kState, Type::kState,
                                              Type::kState, Type::kRevision, Type::kCrashed}));
  EXPECT_EQ(house.diary.phases(), (std::vector{Phase::kDeploying, Phase::kDeployed,
                                               Phase::kDeploying, Phase::kDeployed}));
}

TEST(Revision, AnEvictionIsTold) {
  House house;
  house.limits(1);
  house.apply({House::revision("m", 1, "a"), House::revision("n", 1, "a")});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.send("n")->wait().status, 200U);
  EXPECT_EQ(house.diary.events(Type::kEvicted).size(), 1U);
}

}  // namespace
}  // namespace tenon::lifecycle::testing
