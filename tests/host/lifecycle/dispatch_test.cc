#include <gtest/gtest.h>

#include "tests/host/lifecycle/house.h"

namespace tenon::lifecycle::testing {
namespace {

using Start = Behaviour::Start;

TEST(Dispatch, AnswersFromZero) {
  House house;
  house.apply({House::wanted("m")});
  EXPECT_EQ(house.launcher.launches(), 0U);
  const Outcome outcome = house.send("m", "hello")->wait();
  EXPECT_EQ(outcome.status, 200U);
  EXPECT_EQ(outcome.body, "m:hello");
  EXPECT_TRUE(eventually([&] { return house.status("m").last_cold_start.has_value(); }));
  const ColdStart cold = *house.status("m").last_cold_start;
  ASSERT_EQ(cold.stages.size(), 7U);
  EXPECT_EQ(cold.stages[2].first, "fork");
  EXPECT_EQ(cold.stages[2].second, std::chrono::milliseconds(1));
  EXPECT_TRUE(cold.from_template);
}

TEST(Dispatch, TwoHundredFirstRequestsShareOneLaunch) {
  House house;
  house.launcher.behave("m", {.start = Start::kHeld});
  house.apply({House::wanted("m", {.max_replicas = 4, .target = 1000})});
  std::vector<std::shared_ptr<Client>> clients;
  for (unsigned i = 0; i < 200; ++i) clients.push_back(house.send("m", std::to_string(i), i % 2));
  EXPECT_TRUE(eventually([&] { return house.status("m").queued == 200; }));
  house.launcher.only("m")->become_ready();
  for (unsigned i = 0; i < 200; ++i) EXPECT_EQ(clients[i]->wait().body, "m:" + std::to_string(i));
  EXPECT_EQ(house.launcher.launches("m"), 1U);
  EXPECT_EQ(house.status("m").queued, 0U);
}

TEST(Dispatch, AWaitPastItsLimitTellsHowFarTheLoadHasCome) {
  House house;
  house.launcher.behave("m", {.start = Start::kHeld});
  house.apply({House::wanted("m", {}, {.max_wait = milliseconds(500)})});
  const auto client = house.send("m");
  house.launcher.only("m")->progress(0.25, "map");
  house.settle();
  house.clock.advance(milliseconds(499));
  house.settle();
  EXPECT_FALSE(client->over());
  house.clock.advance(milliseconds(1));
  const Outcome outcome = client->wait();
  EXPECT_EQ(outcome.status, 503U);
  EXPECT_GT(outcome.retry_after, 0U);
  EXPECT_EQ(outcome.load_done, 0.25);
  // The load goes on, for whoever comes next.
  house.launcher.only("m")->become_ready();
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.launcher.launches("m"), 1U);
}

TEST(Dispatch, AFullQueueRefuses) {
  House house;
  house.launcher.behave("m", {.start = Start::kHeld});
  house.apply({House::wanted("m", {}, {.queue = 3})});
  std::vector<std::shared_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(house.send("m"));
  const Outcome refused = house.send("m")->wait();
  EXPECT_EQ(refused.status, 429U);
  EXPECT_GT(refused.retry_after, 0U);
  EXPECT_NE(refused.message.find("3 requests"), std::string::npos) << refused.message;
  house.launcher.only("m")->become_ready();
  for (const auto& client : clients) EXPECT_EQ(client->wait().status, 200U);
}

TEST(Dispatch, ABusyReplicaIsFedInOrder) {
  House house;
  house.launcher.behave("m", {.answers = false, .room = 2});
  house.apply({House::wanted("m")});
  std::vector<std::shared_ptr<Client>> clients;
  for (int i = 0; i < 6; ++i) clients.push_back(house.send("m", std::to_string(i)));
  const auto replica = house.launcher.only("m");
  for (unsigned served = 0; served < 6; served += 2) {
    EXPECT_TRUE(eventually([&] { return replica->inside() == 2; }));
    house.settle();
    EXPECT_FALSE(clients[served]->over());
    replica->answer_all();
    EXPECT_EQ(clients[served]->wait().body, "m:" + std::to_string(served));
    EXPECT_EQ(clients[served + 1]->wait().body, "m:" + std::to_string(served + 1));
  }
}

TEST(Dispatch, TheRestOfABodyFollowsItsHead) {
  House house;
  house.launcher.behave("m", {.start = Start::kHeld});
  house.apply({House::wanted("m")});
  const auto cold = std::make_shared<Client>(house.loops, 0, "head-");
  cold->complete = false;
  cold->rest = "rest";
  house.send(cold, "m");
  house.settle();
  house.launcher.only("m")->become_ready();
  EXPECT_EQ(cold->wait().body, "m:head-rest");

  const auto warm = std::make_shared<Client>(house.loops, 1, "head-");
  warm->complete = false;
  warm->rest = "more";
  house.send(warm, "m");
  EXPECT_EQ(warm->wait().body, "m:head-more");
}

TEST(Dispatch, OneSlowLoadDelaysNobodyElse) {
  House house;
  house.launcher.behave("slow", {.start = Start::kHeld});
  house.apply({House::wanted("slow"), House::wanted("quick")});
  const auto slow = house.send("slow");
  house.launcher.only("slow");
  EXPECT_EQ(house.send("quick")->wait().status, 200U);
  EXPECT_FALSE(slow->over());
  house.launcher.only("slow")->become_ready();
  EXPECT_EQ(slow->wait().status, 200U);
}

TEST(Dispatch, AClientMayGoAwayInEveryState) {
  House house;
  house.launcher.behave("m", {.start = Start::kHeld, .answers = false});
  house.apply({House::wanted("m")});
  // Waiting.
  const auto waiting = house.send("m", "waiting");
  const auto stays = house.send("m", "stays");
  EXPECT_TRUE(eventually([&] { return house.status("m").queued == 2; }));
  waiting->abandon();
  EXPECT_EQ(house.status("m").queued, 1U);
  // In a replica, before the answer and during it.
  const auto replica = house.launcher.only("m");
  replica->become_ready();
  EXPECT_TRUE(eventually([&] { return replica->inside() == 1; }));
  const auto inside = house.send("m", "inside");
  const auto streaming = house.send("m", "streaming");
  EXPECT_TRUE(eventually([&] { return replica->inside() == 3; }));
  inside->abandon();
  replica->first_bytes();
  EXPECT_TRUE(eventually([&] { return streaming->answering(); }));
  streaming->abandon();
  EXPECT_TRUE(eventually([&] { return house.status("m").in_flight == 1; }));
  replica->answer_all();
  EXPECT_EQ(stays->wait().body, "first,m:stays");
  stays->abandon();  // after the end: nothing
  house.settle();
  EXPECT_FALSE(waiting->over() || inside->over() || streaming->over());
  EXPECT_NE(house.metrics.render().find("tenon_cancelled_requests_total"), std::string::npos);
  EXPECT_EQ(house.status("m").in_flight, 0U);
}

TEST(Dispatch, UnknownNamesAreExplained) {
  House house;
  house.apply({House::wanted("m")});
  EXPECT_EQ(house.deployments->find("default", "n", "production"), nullptr);
  EXPECT_EQ(house.deployments->explain_missing("other", "m", "production").reason,
            "WORKSPACE_NOT_FOUND");
  EXPECT_EQ(house.deployments->explain_missing("default", "n", "production").reason,
            "WORKLOAD_NOT_FOUND");
  const Refusal refusal = house.deployments->explain_missing("default", "m", "staging");
  EXPECT_EQ(refusal.reason, "WORKLOAD_NOT_FOUND");
  EXPECT_NE(refusal.error.message.find("production"), std::string::npos);
}

}  // namespace
}  // namespace tenon::lifecycle::testing
