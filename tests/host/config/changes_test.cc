#include "host/config/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon::config {
namespace {

using testing::ElementsAre;

DeploymentSpec deployment(std::string model, unsigned most = 1) {
  DeploymentSpec spec;
  spec.key = {"default", std::move(model), "production"};
  spec.scale.max_replicas = most;
  return spec;
}

TEST(Changes, OfTheSameConfigAreNone) {
  Config config;
  config.deployments = {deployment("a"), deployment("b")};
  EXPECT_EQ(changes(config, config), Changes{});
}

TEST(Changes, TellWhatCameWentAndChanged) {
  Config before, after;
  before.deployments = {deployment("keep"), deployment("grow"), deployment("drop")};
  after.deployments = {deployment("new"), deployment("grow", 3), deployment("keep")};
  const Changes found = changes(before, after);
  EXPECT_THAT(found.added, ElementsAre(deployment("new")));
  EXPECT_THAT(found.changed, ElementsAre(deployment("grow", 3)));
  EXPECT_THAT(found.removed, ElementsAre(deployment("drop").key));
  EXPECT_TRUE(found.restart.empty());
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
  after.host.workspace = "team";
  after.deployments = {deployment("a")};
  const Config now = in_force(before, after);
  EXPECT_EQ(now.host.listen, before.host.listen);
  EXPECT_EQ(now.host.workspace, "team");
  EXPECT_EQ(now.deployments, after.deployments);
  EXPECT_THAT(changes(now, after).restart, ElementsAre("host.listen"));
}

TEST(Changes, AnotherFileNameIsNoChange) {
  Config before, after;
  after.file = "other.toml";
  EXPECT_EQ(changes(before, after), Changes{});
}

}  // namespace
}  // namespace tenon::config
