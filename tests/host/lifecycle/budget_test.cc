#include <gtest/gtest.h>

#include "host/metering/token_pools.h"
#include "tests/host/lifecycle/house.h"

// Token budgets at the door, and what requests and replicas used.
namespace tenon::lifecycle::testing {
namespace {

using metering::TokenBudget;
using metering::Usage;
using metering::Used;
using Start = Behaviour::Start;

const ResourceKey kProductionKey{Kind::kEnvironment, "default", "production", ""};
const DeploymentKey kM{"default", "m", "production"};
const Flavor kCpu{FlavorType::kCpu, "x86"};

class BudgetTest : public ::testing::Test {
 protected:
  TokenBudget budget(std::uint64_t total, const ResourceKey& owner = kProductionKey) {
    Policy policy;
    policy.name = "cap";
    policy.type = PolicyType::kMaxToken;
    policy.max_tokens = {.granularity = Granularity::kMinute, .total = total};
    return TokenBudget({pools.pool(owner, policy)});
  }
  Wanted with(TokenBudget budget, std::uint64_t revision = 1, const std::string& value = "old") {
    Wanted wanted = House::revision("m", revision, value);
    wanted.budget = std::move(budget);
    return wanted;
  }

  metering::TokenPools pools;
  House house;
};

TEST_F(BudgetTest, TheRequestThatCrossesIsServedAndLaterOnesAreToldWhenAndWhy) {
  house.launcher.behave("m", {.usage = {40, 20}});
  house.apply({with(budget(100))});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  house.clock.advance(milliseconds(9'500));
  EXPECT_EQ(house.send("m", "x", 1)->wait().status, 200U) << "60 of 100 were spent";
  const Outcome refused = house.send("m")->wait();
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(refused.reason, "TOKEN_LIMIT_REACHED");
  EXPECT_EQ(refused.retry_after, 51U);
  EXPECT_EQ(refused.message,
            "policy cap of environment default/production allows 100 total tokens in the time that "
            "ends 1970-01-01T00:01:00.000Z; 80 input and 40 output tokens are spent");
  house.clock.advance(milliseconds(50'500));
  EXPECT_EQ(house.send("m")->wait().status, 200U) << "another minute";
}

TEST_F(BudgetTest, ARefusedRequestStartsNothing) {
  const TokenBudget spent = budget(100);
  spent.spend({100, 0}, metering::sys_seconds());
  house.apply({with(spent)});
  EXPECT_EQ(house.send("m")->wait().status, 429U);
  house.settle();
  EXPECT_EQ(house.launcher.launches(), 0U);
  EXPECT_TRUE(house.meter.idle());
}

TEST_F(BudgetTest, WhoeverWasAdmittedIsServed) {
  house.launcher.behave("m", {.start = Start::kHeld, .usage = {90, 0}});
  house.apply({with(budget(100))});
  std::vector<std::shared_ptr<Client>> clients;
  for (unsigned i = 0; i < 4; ++i) clients.push_back(house.send("m", "x", i % 2));
  EXPECT_TRUE(eventually([&] { return house.status("m").queued == 4; }));
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").size() == 1; }));
  house.launcher.only("m")->become_ready();
  for (const auto& client : clients) EXPECT_EQ(client->wait().status, 200U);
  const Outcome refused = house.send("m")->wait();
  EXPECT_EQ(refused.status, 429U);
  EXPECT_NE(refused.message.find("; 360 input"), std::string::npos) << refused.message;
}

TEST_F(BudgetTest, AnEnvironmentsDeploymentsShareOne) {
  house.launcher.behave("m", {.usage = {60, 0}});
  house.launcher.behave("n", {.usage = {60, 0}});
  Wanted other = House::wanted("n");
  other.budget = budget(100);
  house.apply({with(budget(100)), other, House::wanted("free")});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.send("n")->wait().status, 200U);
  EXPECT_EQ(house.send("m")->wait().status, 429U);
  EXPECT_EQ(house.send("n")->wait().status, 429U);
  EXPECT_EQ(house.send("free")->wait().status, 200U);
}

TEST_F(BudgetTest, ANewOneHoldsAtOnceWhicheverRevisionServes) {
  house.launcher.behave("m", {.usage = {60, 0}});
  house.launcher.behave("m/new", {.start = Start::kHeld, .usage = {60, 0}});
  house.apply({with({})});
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  house.apply({with(budget(100), 2, "new")});
  house.settle();
  EXPECT_EQ(house.send("m")->wait().revision, 1U) << "the other one is still loading";
  EXPECT_EQ(house.send("m")->wait().revision, 1U);
  EXPECT_EQ(house.send("m")->wait().status, 429U);
  budget(1'000);
  EXPECT_EQ(house.send("m")->wait().status, 200U) << "the same pool, with another limit";
  budget(100);
  EXPECT_EQ(house.send("m")->wait().status, 429U);
  house.apply({with({}, 2, "new")});
  house.settle();
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.launcher.launches("m"), 2U) << "no replica was restarted for it";
}

TEST_F(BudgetTest, ACanarySpendsOfTheSame) {
  house.launcher.behave("m/old", {.usage = {10, 0}});
  house.launcher.behave("m/new", {.usage = {10, 0}});
  Wanted wanted = with(budget(100));
  const Wanted other = House::revision("m", 2, "new");
  wanted.canary = {other.blueprint, 2, 50};
  house.apply({wanted});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.send("m")->wait().status, 429U);
  EXPECT_TRUE(eventually([&] { return house.launcher.with("m", "new").size() == 1; }));
}

TEST_F(BudgetTest, QuestionsAreFree) {
  house.launcher.behave("m", {.usage = {60, 0}});
  house.apply({with(budget(100))});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.ask("m", "/health")->wait().status, 200U);
}

TEST_F(BudgetTest, ReplicasAndRequestsAreMeteredByRevision) {
  house.launcher.behave("m", {.memory = 1'000, .usage = {3, 4}});
  const Scale standing{.min_replicas = 1};
  house.apply({House::revision("m", 1, "old", standing)});
  EXPECT_TRUE(eventually([&] { return house.status("m").replicas_ready == 1; }));
  house.clock.advance(milliseconds(2'000));
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  house.apply({House::revision("m", 2, "old", standing)});  // served by the same worker
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  EXPECT_EQ(house.send("m")->wait().status, 200U);
  house.clock.advance(milliseconds(3'000));
  EXPECT_EQ(house.meter.take(), (std::vector<Usage>{
                                    {{}, kM, 1, kCpu, {1, 3, 4, std::chrono::seconds(2), 2'000}},
                                    {{}, kM, 2, kCpu, {2, 6, 8, std::chrono::seconds(3), 3'000}},
                                }));
  house.apply({});
  EXPECT_TRUE(eventually([&] { return house.launcher.running("m").empty(); }));
  EXPECT_TRUE(eventually([&] {
    house.clock.advance(milliseconds(1'000));
    house.settle();
    house.meter.take();
    return house.meter.idle();
  }));
}

}  // namespace
}  // namespace tenon::lifecycle::testing
