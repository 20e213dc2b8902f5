#include "host/config/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon::config {
namespace {

using testing::ElementsAre;

TEST(Changes, OfTheSameConfigAreNone) {
  const Config config;
  EXPECT_EQ(changes(config, config), Changes{});
}

TEST(Changes, NameTheKeysThatNeedARestart) {
  Config before, after;
  after.host.listen = {{"127.0.0.1", 1}};
  after.host.limits.connections = 3;
  after.host.limits.replicas = 3;
  after.host.log_level = LogLevel::kDebug;
  const Changes found = changes(before, after);
  EXPECT_THAT(found.restart, ElementsAre("host.listen", "host.limits"));
  EXPECT_TRUE(found.logs);
  EXPECT_TRUE(found.capacity);
}

TEST(Changes, WhatWaitsForARestartIsToldUntilThen) {
  Config before, after;
  after.host.listen = {{"127.0.0.1", 1}};
  after.host.limits.replicas = 3;
  const Config now = in_force(before, after);
  EXPECT_EQ(now.host.listen, before.host.listen);
  EXPECT_EQ(now.host.limits.replicas, 3u);
  EXPECT_THAT(changes(now, after).restart, ElementsAre("host.listen"));
}

TEST(Changes, AnotherFileNameIsNoChange) {
  Config before, after;
  after.file = "other.toml";
  EXPECT_EQ(changes(before, after), Changes{});
}

}  // namespace
}  // namespace tenon::config
