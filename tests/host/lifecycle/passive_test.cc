#include <gtest/gtest.h>

#include "tests/host/lifecycle/house.h"

namespace tenon::lifecycle::testing {
namespace {

TEST(Passive, HealthIsWellAtZeroAndStartsNothing) {
  House house;
  house.apply({House::wanted("m")});
  const Outcome health = house.ask("m", "/health")->wait();
  EXPECT_EQ(health.status, 200U);
  EXPECT_EQ(health.body, "");
  house.settle();
  EXPECT_EQ(house.launcher.launches(), 0U);
}

TEST(Passive, WhatNothingIsKnownOfIsRefused) {
  House house;
  house.apply({House::wanted("m")});
  const Outcome info = house.ask("m", "/info")->wait();
  EXPECT_EQ(info.status, 503U);
  EXPECT_NE(info.message.find("/info"), std::string::npos);
}

TEST(Passive, AReadyReplicaAnswersAndIsRemembered) {
  House house;
  house.apply({House::wanted("m", {.last_replica_retention = milliseconds(1000)})});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.ask("m", "/info", 1)->wait().body, "m:");
  house.settle();
  house.clock.advance(milliseconds(1000));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
  house.settle();
  house.clock.advance(milliseconds(2000));
  const Outcome remembered = house.ask("m", "/info")->wait();
  EXPECT_EQ(remembered.status, 200U);
  EXPECT_EQ(remembered.body, "m:");
  ASSERT_EQ(remembered.headers.size(), 1U);
  EXPECT_EQ(remembered.headers[0], (std::pair<std::string, std::string>("age", "3")));
  EXPECT_EQ(house.launcher.launches(), 1U);
}

TEST(Passive, QuestionsDoNotKeepAReplicaAlive) {
  House house;
  house.apply({House::wanted("m", {.last_replica_retention = milliseconds(1000)})});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  house.settle();
  for (int i = 0; i < 9; ++i) {
    house.clock.advance(milliseconds(100));
    EXPECT_EQ(house.ask("m", "/info")->wait().status, 200U);
    house.settle();
  }
  EXPECT_FALSE(house.launcher.only("m")->stopped());
  house.clock.advance(milliseconds(100));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
}

TEST(Passive, AClientMayGoAwayBeforeARememberedAnswer) {
  House house;
  house.apply({House::wanted("m")});
  const auto client = house.ask("m", "/health");
  client->abandon();
  house.settle();
  house.ask("m", "/info")->abandon();
  house.settle();
}

}  // namespace
}  // namespace tenon::lifecycle::testing
