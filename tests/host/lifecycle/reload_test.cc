#include <gtest/gtest.h>

#include "tests/host/lifecycle/house.h"

namespace tenon::lifecycle::testing {
namespace {

using Start = Behaviour::Start;

Wanted with_option(const std::string& model, const std::string& value) {
  Wanted wanted = House::wanted(model);
  wanted.blueprint.options = House::shared({{"option", value}});
  return wanted;
}

TEST(Reload, WhatIsTheSameIsNotTouched) {
  House house;
  house.apply({House::wanted("m"), House::wanted("n")});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  const auto replica = house.launcher.only("m");
  house.apply({House::wanted("m"), House::wanted("o")});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.send("o")->wait().status, 200U);
  EXPECT_EQ(house.launcher.only("m"), replica);
  EXPECT_EQ(house.deployments->find("default", "n", "production"), nullptr);
}

TEST(Reload, NewLimitsKeepTheReplicas) {
  House house;
  house.apply({House::wanted("m", {.last_replica_retention = milliseconds(10'000)})});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  const auto replica = house.launcher.only("m");
  house.settle();
  house.apply({House::wanted("m", {.last_replica_retention = milliseconds(500)})});
  EXPECT_EQ(house.launcher.only("m"), replica);
  house.clock.advance(milliseconds(500));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
}

TEST(Reload, AChangedDeploymentServesOnUntilTheNewReplicaIsReady) {
  House house;
  house.launcher.behave("m", {.answers = false});
  house.apply({with_option("m", "old")});
  const auto before = house.send("m", "before");
  const auto old = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return old->inside() == 1; }));
  house.launcher.behave("m", {.start = Start::kHeld, .answers = false});
  house.apply({with_option("m", "new")});
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").size() == 2; }));
  const auto during = house.send("m", "during");
  EXPECT_TRUE(eventually([&] { return old->inside() == 2; }));
  house.launcher.running("m")[1]->become_ready();
  EXPECT_TRUE(eventually([&] { return old->stopped(); }));
  house.settle();
  const auto after = house.send("m", "after");
  const auto fresh = house.launcher.running("m").back();
  EXPECT_EQ(fresh->spec.options[0].second, "new");
  EXPECT_TRUE(eventually([&] { return fresh->inside() == 1; }));
  old->answer_all();
  fresh->answer_all();
  EXPECT_EQ(before->wait().body, "m:before");
  EXPECT_EQ(during->wait().body, "m:during");
  EXPECT_EQ(after->wait().body, "m:after");
  EXPECT_EQ(house.launcher.only("m"), fresh);
}

TEST(Reload, WithoutRoomForBothTheOldReplicaIsDrainedFirst) {
  House house;
  house.limits(1);
  house.launcher.behave("m", {.answers = false});
  house.apply({with_option("m", "old")});
  const auto before = house.send("m", "before");
  const auto old = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return old->inside() == 1; }));
  house.apply({with_option("m", "new")});
  EXPECT_TRUE(eventually([&] { return old->stopped(); }));
  const auto after = house.send("m", "after");
  house.settle();
  EXPECT_FALSE(after->over());
  old->answer_all();
  EXPECT_EQ(before->wait().body, "m:before");
  EXPECT_TRUE(eventually([&] {
    const auto running = house.launcher.running("m");
    return running.size() == 1 && running[0]->inside() == 1;
  }));
  house.launcher.only("m")->answer_all();
  EXPECT_EQ(after->wait().body, "m:after");
}

TEST(Reload, AFailedNewRevisionLeavesTheOldOneServing) {
  House house;
  house.launcher.behave("m", {.answers = false});
  house.apply({with_option("m", "old")});
  const auto busy = house.send("m");
  const auto old = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return old->inside() == 1; }));
  house.launcher.behave("m", {.start = Start::kLoadFails});
  house.apply({with_option("m", "new")});
  EXPECT_TRUE(eventually([&] { return house.status("m").last_error.has_value(); }));
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_FALSE(old->stopped());
  old->answer_all();
  EXPECT_EQ(busy->wait().status, 200U);
}

TEST(Reload, ARemovedDeploymentFinishesWhatItHasAndRefusesTheRest) {
  House house;
  house.launcher.behave("m", {.answers = false, .room = 1});
  house.apply({House::wanted("m")});
  const auto inside = house.send("m", "inside");
  const auto replica = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return replica->inside() == 1; }));
  const auto waiting = house.send("m", "waiting");
  EXPECT_TRUE(eventually([&] { return house.status("m").queued == 1; }));
  const auto target = house.deployments->find("default", "m", "production");
  house.apply({});
  EXPECT_EQ(waiting->wait().status, 404U);
  EXPECT_EQ(target->spec().key.model, "m");  // stays valid while held
  replica->answer_all();
  EXPECT_EQ(inside->wait().body, "m:inside");
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
  // Added again, it is there again.
  house.launcher.behave("m", {});
  house.apply({House::wanted("m")});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
}

TEST(Shutdown, EndsWhatWaitsAndLetsFinishWhatRuns) {
  auto house = std::make_unique<House>();
  house->launcher.behave("busy", {.answers = false});
  house->launcher.behave("cold", {.start = Start::kHeld});
  house->apply({House::wanted("busy"), House::wanted("cold")});
  const auto inside = house->send("busy", "inside");
  const auto busy = house->launcher.only("busy");
  EXPECT_TRUE(eventually([&] { return busy->inside() == 1; }));
  const auto waiting = house->send("cold");
  house->launcher.only("cold");
  std::atomic<bool> done{false};
  boost::asio::post(house->loops.control(), [&] {
    house->deployments->shutdown(milliseconds(10'000), [&] { done = true; });
  });
  EXPECT_EQ(waiting->wait().status, 503U);
  EXPECT_EQ(house->send("busy")->wait().reason, "HOST_STOPPING");
  house->settle();
  EXPECT_FALSE(done);
  busy->answer_all();
  EXPECT_EQ(inside->wait().body, "busy:inside");
  EXPECT_TRUE(eventually([&] { return done.load(); }));
}

}  // namespace
}  // namespace tenon::lifecycle::testing
