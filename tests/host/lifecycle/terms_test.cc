#include <gtest/gtest.h>

#include "tests/host/lifecycle/house.h"

// Switching a deployment off and on, deleting it, and what policies change of it.
namespace tenon::lifecycle::testing {
namespace {

using Type = LifeEvent::Type;

Wanted with(Terms terms, const Scale& scale = {}) {
  Wanted wanted = House::wanted("m", scale);
  wanted.terms = std::move(terms);
  return wanted;
}

TEST(Terms, ADeactivatedDeploymentFinishesWhatItHasAndAnswersNobodyElse) {
  House house;
  house.launcher.behave("m", {.answers = false, .room = 1});
  house.apply({House::wanted("m")});
  const auto inside = house.send("m", "inside");
  const auto replica = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return replica->inside() == 1; }));
  const auto waiting = house.send("m", "waiting");
  EXPECT_TRUE(eventually([&] { return house.status("m").queued == 1; }));
  house.apply({with({.enabled = false})});
  EXPECT_EQ(waiting->wait().reason, "WORKLOAD_DEACTIVATED");
  const Outcome refused = house.send("m")->wait();
  EXPECT_EQ(refused.status, 409U);
  EXPECT_EQ(house.ask("m", "/health")->wait().status, 409U);
  EXPECT_EQ(house.status("m").phase, Phase::kDeactivating);
  replica->answer_all();
  EXPECT_EQ(inside->wait().body, "m:inside");
  EXPECT_TRUE(eventually([&] { return house.status("m").phase == Phase::kDeactivated; }));
  EXPECT_TRUE(house.launcher.running("m").empty());
  house.launcher.behave("m", {});
  house.apply({with({})});
  EXPECT_EQ(house.status("m").phase, Phase::kDeployed);
  EXPECT_EQ(house.send("m")->wait().status, 200U);
}

TEST(Terms, AMinimumIsKeptOnlyWhileItIsActive) {
  House house;
  const Scale one{.min_replicas = 1};
  house.apply({with({.enabled = false}, one)});
  house.settle();
  EXPECT_EQ(house.launcher.launches(), 0U);
  EXPECT_EQ(house.status("m").phase, Phase::kCreated);
  EXPECT_EQ(house.send("m")->wait().status, 409U);
  house.apply({with({}, one)});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  EXPECT_EQ(house.diary.phases(), (std::vector{Phase::kDeploying, Phase::kDeployed}));
  house.apply({with({.enabled = false}, one)});
  EXPECT_TRUE(eventually([&] { return house.status("m").phase == Phase::kDeactivated; }));
  house.clock.advance(milliseconds(60'000));
  house.settle();
  EXPECT_EQ(house.launcher.launches(), 1U);
}

TEST(Terms, ADeletedDeploymentIsShownUntilItIsDrained) {
  House house;
  house.launcher.behave("m", {.answers = false});
  house.apply({House::wanted("m")});
  const auto inside = house.send("m");
  const auto replica = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return replica->inside() == 1; }));
  house.apply({});
  EXPECT_EQ(house.status("m").phase, Phase::kDeleting);
  EXPECT_TRUE(house.diary.events(Type::kGone).empty());
  replica->answer_all();
  EXPECT_EQ(inside->wait().status, 200U);
  EXPECT_TRUE(eventually([&] { return house.deployments->status().empty(); }));
  EXPECT_EQ(house.diary.events(Type::kGone).size(), 1U);
}

TEST(Terms, WhatPoliciesForbidHasNoReplicasAndSaysSo) {
  House house;
  const Scale one{.min_replicas = 1};
  house.apply({with({}, one)});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  house.apply({with({.forbidden = "\"eu-only\" allows no location that this host has"}, one)});
  const Outcome refused = house.send("m")->wait();
  EXPECT_EQ(refused.status, 403U);
  EXPECT_EQ(refused.reason, "POLICY_VIOLATION");
  EXPECT_NE(refused.message.find("eu-only"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
  EXPECT_EQ(house.status("m").phase, Phase::kFailed);
  EXPECT_NE(house.status("m").last_error->find("eu-only"), std::string::npos);
  house.apply({with({}, one)});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.status("m").phase, Phase::kDeployed);
}

TEST(Terms, AReplicaOnAFlavorThatIsNotAllowedAnyMoreIsDrainedAndReplaced) {
  House house;
  house.launcher.behave("m", {.answers = false});
  Wanted wanted = House::wanted("m", {.min_replicas = 1, .max_replicas = 2});
  House::change(wanted, [](DeploymentSpec& spec) { spec.flavors = {"gpu/l4", "gpu/t4"}; });
  devices::Gpus gpus;
  for (const char* name : {"l4", "t4"}) {
    devices::Gpu& gpu = gpus.devices.emplace_back();
    gpu.uuid = name;
    gpu.flavor = {FlavorType::kGpu, name};
    gpu.memory_bytes = 1'000;
  }
  house.gpus(gpus);
  house.apply({wanted});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  const auto before = house.launcher.only("m");
  EXPECT_EQ(before->spec.lease.flavor, "gpu/l4");
  const auto inside = house.send("m", "inside");
  EXPECT_TRUE(eventually([&] { return before->inside() == 1; }));
  wanted.terms.allowed_flavors = {"gpu/t4"};
  house.apply({wanted});
  EXPECT_TRUE(before->stopped());
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").size() == 2; }));
  const auto after = house.launcher.running("m")[1];
  EXPECT_EQ(after->spec.lease.flavor, "gpu/t4");
  const auto next = house.send("m", "next");
  EXPECT_TRUE(eventually([&] { return after->inside() == 1; }));
  before->answer_all();
  after->answer_all();
  EXPECT_EQ(inside->wait().body, "m:inside");
  EXPECT_EQ(next->wait().body, "m:next");
  EXPECT_EQ(house.diary.events(Type::kPolicy).size(), 1U);
  // None is left: it is forbidden.
  wanted.terms.allowed_flavors = {"cpu/x86"};
  house.apply({wanted});
  EXPECT_EQ(house.send("m")->wait().status, 403U);
}

TEST(Terms, AnyCpuIsAllowedWhereACpuIs) {
  House house;
  house.apply({House::wanted("m")});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  const auto replica = house.launcher.only("m");
  house.apply({with({.allowed_flavors = std::vector<std::string>{"cpu/x86", "gpu/l4"}})});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.launcher.only("m"), replica);
  house.apply({with({.allowed_flavors = std::vector<std::string>{"gpu/l4"}})});
  EXPECT_EQ(house.send("m")->wait().status, 403U);
}

}  // namespace
}  // namespace tenon::lifecycle::testing
