#include <gtest/gtest.h>

#include "tests/host/lifecycle/house.h"

namespace tenon::lifecycle::testing {
namespace {

using Start = Behaviour::Start;

TEST(Failure, ARequestOfADyingReplicaIsAnsweredByAnother) {
  House house;
  house.launcher.behave("m", {.answers = false});
  house.apply({House::wanted("m")});
  std::vector<std::shared_ptr<Client>> clients;
  for (unsigned i = 0; i < 8; ++i) clients.push_back(house.send("m", std::to_string(i), i % 2));
  const auto first = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return first->inside() == 8; }));
  house.launcher.behave("m", {});
  first->die();
  EXPECT_TRUE(eventually([&] { return house.status("m").queued == 8; }));
  EXPECT_TRUE(eventually([&] { return house.status("m").crashes_in_a_row == 1; }));
  house.clock.advance(milliseconds(100));  // the back-off
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(clients[i]->wait().body, "m:" + std::to_string(i));
  EXPECT_EQ(house.launcher.launches("m"), 2U);
}

TEST(Failure, AnotherReadyReplicaTakesItAtOnce) {
  House house;
  house.launcher.behave("m", {.answers = false});
  house.apply({House::wanted("m", {.min_replicas = 2, .max_replicas = 2})});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
  const auto client = house.send("m", "mine");
  const auto replicas = house.launcher.running("m");
  EXPECT_TRUE(eventually([&] { return replicas[0]->inside() + replicas[1]->inside() == 1; }));
  const auto& mine = replicas[0]->inside() == 1 ? replicas[0] : replicas[1];
  const auto& other = replicas[0]->inside() == 1 ? replicas[1] : replicas[0];
  mine->die();
  EXPECT_TRUE(eventually([&] { return other->inside() == 1; }));
  other->answer_all();
  EXPECT_EQ(client->wait().body, "m:mine");
}

TEST(Failure, AReplicaThatIsStillMissingComesAlthoughAnotherAnswersFirst) {
  House house;
  house.apply({House::wanted("m", {.min_replicas = 2, .max_replicas = 2})});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
  house.launcher.running("m")[0]->die();
  EXPECT_TRUE(eventually([&] { return house.status("m").crashes_in_a_row == 1; }));
  EXPECT_EQ(house.send("m")->wait().status, 200U);  // forgives the failure, and its back-off
  house.settle();
  house.clock.advance(milliseconds(100));
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 2; }));
}

TEST(Failure, ARequestThatWasInTwoDyingReplicasIsNotTriedAgain) {
  House house;
  house.launcher.behave("m", {.dies = true});
  house.apply({House::wanted("m")});
  const auto client = house.send("m");
  EXPECT_TRUE(eventually([&] { return house.status("m").crashes_in_a_row == 1; }));
  house.settle();
  house.clock.advance(milliseconds(100));
  const Outcome outcome = client->wait();
  EXPECT_EQ(outcome.status, 500U);
  EXPECT_EQ(outcome.reason, "REQUEST_ENDED_REPLICAS");
  EXPECT_NE(outcome.message.find("the worker was shot"), std::string::npos) << outcome.message;
  EXPECT_EQ(house.launcher.launches("m"), 2U);
}

TEST(Failure, WhatCannotBeRepeatedEndsWithAClearError) {
  House house;
  house.launcher.behave("m", {.answers = false});
  house.apply({House::wanted("m")});
  const auto client = std::make_shared<Client>(house.loops, 0, "x");
  client->restartable = false;
  house.send(client, "m");
  const auto replica = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return replica->inside() == 1; }));
  replica->die();
  const Outcome outcome = client->wait();
  EXPECT_EQ(outcome.status, 502U);
  EXPECT_EQ(outcome.reason, "REPLICA_DIED");
}

TEST(Failure, AnAnswerThatHasBegunIsCut) {
  House house;
  house.launcher.behave("m", {.answers = false});
  house.apply({House::wanted("m")});
  const auto client = house.send("m");
  const auto replica = house.launcher.only("m");
  EXPECT_TRUE(eventually([&] { return replica->inside() == 1; }));
  replica->first_bytes();
  EXPECT_TRUE(eventually([&] { return client->answering(); }));
  replica->die();
  const Outcome outcome = client->wait();
  EXPECT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.status, 200U);
  EXPECT_EQ(outcome.body, "first,");
}

TEST(Failure, ALoadThatFailsIsToldToAllWhoWaitAndTriedAgainLater) {
  House house;
  house.launcher.behave("m", {.start = Start::kHeld});
  house.apply({House::wanted("m")});
  std::vector<std::shared_ptr<Client>> clients;
  for (unsigned i = 0; i < 10; ++i) clients.push_back(house.send("m", "x", i % 2));
  EXPECT_TRUE(eventually([&] { return house.status("m").queued == 10; }));
  house.launcher.only("m")->fail_load({Code::kInvalid, "config.json: no such file"});
  for (const auto& client : clients) {
    const Outcome outcome = client->wait();
    EXPECT_EQ(outcome.status, 502U);
    EXPECT_NE(outcome.message.find("config.json: no such file"), std::string::npos);
  }
  EXPECT_EQ(house.status("m").phase, Phase::kFailed);
  EXPECT_EQ(house.status("m").last_error, "config.json: no such file");
  // During the back-off at once, after it by trying.
  EXPECT_EQ(house.send("m")->wait().status, 502U);
  EXPECT_EQ(house.launcher.launches("m"), 1U);
  house.launcher.behave("m", {});
  house.clock.advance(milliseconds(100));
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.status("m").phase, Phase::kDeployed);
}

TEST(Failure, AWorkerKilledWhileItLoadsIsTriedOnceMore) {
  House house;
  house.launcher.behave("m", {.start = Start::kHeld});
  house.apply({House::wanted("m")});
  const auto client = house.send("m");
  house.launcher.only("m")->die();
  EXPECT_TRUE(eventually([&] { return house.status("m").crashes_in_a_row == 1; }));
  house.settle();
  EXPECT_FALSE(client->over());
  house.launcher.behave("m", {});
  house.clock.advance(milliseconds(100));
  EXPECT_EQ(client->wait().status, 200U);
}

TEST(Failure, FiveCrashesInARowOpenTheBreakerAndOneTryClosesIt) {
  House house;
  house.launcher.behave("m", {.start = Start::kDies});
  house.apply({House::wanted("m")});
  for (unsigned crash = 1; crash <= 5; ++crash) {
    const auto client = house.send("m");
    EXPECT_TRUE(eventually([&] { return house.launcher.launches("m") == crash; }));
    EXPECT_TRUE(eventually([&] { return house.status("m").crashes_in_a_row == crash; }));
    house.settle();
    if (crash == 1) client->abandon();
    EXPECT_EQ(house.status("m").breaker_open, crash == 5);
    if (crash < 5) house.clock.advance(milliseconds(1000));
    house.settle();
  }
  const Outcome refused = house.send("m")->wait();
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(refused.retry_after, 30U);
  // Half open: one failure opens it again at once …
  house.clock.advance(milliseconds(30'000));
  EXPECT_NE(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.launcher.launches("m"), 6U);
  EXPECT_EQ(house.send("m")->wait().status, 503U);
  // … and an answer closes it.
  house.launcher.behave("m", {});
  house.clock.advance(milliseconds(30'000));
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_TRUE(eventually([&] { return !house.status("m").breaker_open; }));
  EXPECT_EQ(house.status("m").crashes_in_a_row, 0U);
}

TEST(Failure, ALoadWithoutProgressIsGivenUp) {
  House house;
  house.launcher.behave("m", {.start = Start::kHeld});
  house.apply({House::wanted(
      "m", {}, {.max_wait = milliseconds(60'000), .load_timeout = milliseconds(1000)})});
  const auto client = house.send("m");
  const auto replica = house.launcher.only("m");
  house.clock.advance(milliseconds(999));
  replica->progress(0.5, "map");
  house.settle();
  house.clock.advance(milliseconds(999));  // progress extends it
  house.settle();
  EXPECT_FALSE(client->over());
  house.clock.advance(milliseconds(1));
  const Outcome outcome = client->wait();
  EXPECT_EQ(outcome.status, 502U);
  EXPECT_NE(outcome.message.find("no progress for 1000 ms"), std::string::npos);
}

TEST(Failure, AMinimumThatCrashesIsStartedAgainWithoutARequest) {
  House house;
  house.apply({House::wanted("m", {.min_replicas = 1})});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  house.launcher.only("m")->die();
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 0; }));
  house.settle();
  EXPECT_EQ(house.launcher.launches("m"), 1U);
  house.clock.advance(milliseconds(100));
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
}

}  // namespace
}  // namespace tenon::lifecycle::testing
