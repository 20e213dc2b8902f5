#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>
#include <deque>

#include "host/control/resource_json.h"
#include "host/control/token_budgets.h"
#include "host/control/usage_books.h"
#include "host/control/usage_json.h"
#include "host/control/usage_metrics.h"
#include "tests/host/store/memory_store.h"

namespace tenon::control {
namespace {

using metering::Spent;
using store::Use;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const ResourceKey kProductionKey{Kind::kEnvironment, "w", "production", ""};
const DeploymentKey kM{"w", "m", "production"};
const Flavor kCpu{FlavorType::kCpu, "x86"};

Policy cap(std::uint64_t total) {
  Policy policy;
  policy.name = "cap";
  policy.type = PolicyType::kMaxToken;
  policy.max_tokens = {.granularity = Granularity::kMonth, .total = total};
  return policy;
}

metering::sys_seconds now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

class CountingStore : public store::testing::MemoryStore {
 public:
  Result<void> book(std::span<const store::TokenCount> counts, std::span<const Use> uses,
                    store::Time at) override {
    ++books;
    return MemoryStore::book(counts, uses, at);
  }

  int books = 0;
};

class UsageBooksTest : public ::testing::Test {
 protected:
  UsageBooksTest() {
    books_.emplace(loop_, run_);
    EXPECT_TRUE(books_->open(store_));
  }

  boost::asio::io_context loop_;
  std::deque<std::function<void()>> asked_;
  Saver::Run run_ = [this](std::function<void()> what) { asked_.push_back(std::move(what)); };
  CountingStore store_;
  std::optional<UsageBooks> books_;
};

TEST_F(UsageBooksTest, CountsGoOnAfterARestart) {
  books_->pools().pool(kProductionKey, cap(100))->spend({60, 30}, now());
  ASSERT_TRUE(books_->save());
  books_.emplace(loop_, run_);
  ASSERT_TRUE(books_->open(store_));
  const auto pool = books_->pools().pool(kProductionKey, cap(100));
  EXPECT_FALSE(pool->admit(now()));
  pool->spend({10, 0}, now());
  EXPECT_EQ(pool->admit(now()).value().spent, (Spent{70, 30}));
}

TEST_F(UsageBooksTest, WhatCouldNotBeWrittenIsWrittenLaterOnce) {
  const auto replica = books_->meter().replica_started(kM, 3, kCpu, 0);
  replica->request_finished({1, 2});
  store_.fail_writes(Error{Code::kExhausted, "the disk is full"});
  EXPECT_FALSE(books_->save());
  const auto shown = books_->used("w", {}, store::Time::max());
  ASSERT_TRUE(shown) << "reading goes on";
  ASSERT_EQ(shown->size(), 1u);
  EXPECT_EQ(shown->front().requests, 1u);
  replica->request_finished({1, 2});
  store_.fail_writes(std::nullopt);
  ASSERT_TRUE(books_->save());
  const auto uses = *store_.use("w", {}, store::Time::max());
  ASSERT_EQ(uses.size(), 1u);
  EXPECT_EQ(uses[0].requests, 2u);
  EXPECT_EQ(uses[0].output_tokens, 4u);
  EXPECT_EQ(uses[0].deployment, kM);
  EXPECT_EQ(uses[0].revision, 3u);
  EXPECT_EQ(uses[0].flavor, "cpu/x86");
}

TEST_F(UsageBooksTest, WritesEverySecondWhileAReplicaIsThereAndThenRests) {
  EXPECT_EQ(loop_.run(), 0u) << "nothing is set";
  auto replica = books_->meter().replica_started(kM, 1, kCpu, 0);
  const auto second = [this] {
    loop_.restart();
    loop_.run();
    while (!asked_.empty()) {
      asked_.front()();
      asked_.pop_front();
    }
    loop_.restart();
    loop_.poll();
  };
  second();
  EXPECT_EQ(store_.books, 1);
  replica->request_finished({});
  replica.reset();
  second();
  EXPECT_EQ(store_.books, 2);
  EXPECT_TRUE(books_->meter().idle());
  loop_.restart();
  EXPECT_EQ(loop_.run(), 0u) << "nothing is set again";
}

TEST_F(UsageBooksTest, TotalsAreOfDeploymentsThatAreThere) {
  const auto replica = books_->meter().replica_started(kM, 3, kCpu, 0);
  replica->request_finished({1, 2});
  ASSERT_TRUE(books_->save());
  replica->request_finished({1, 2});
  telemetry::Metrics::Families families;
  add_usage(books_->totals(), families);
  ASSERT_EQ(families.size(), 5u);
  EXPECT_EQ(families[0].name, "tenon_usage_requests_total");
  EXPECT_EQ(families[0].metric.at(0).counter.value, 2);
  EXPECT_EQ(families[0].metric.at(0).label.back().value, "cpu/x86");
  books_->on_event(kM, {{}, lifecycle::LifeEvent::Type::kGone, {}, 3, ""});
  ASSERT_EQ(asked_.size(), 1u) << "not on the thread that tells";
  asked_.front()();
  EXPECT_TRUE(books_->totals().empty());
}

TEST(BudgetMetrics, TellWhatIsSpentOfEachLimit) {
  metering::TokenPools pools;
  Policy both = cap(100);
  both.max_tokens.output = 40;
  const auto pool = pools.pool(kProductionKey, both);
  pools.pool({Kind::kDeployment, "w", "m", "staging"}, cap(5));  // nobody carries it any more
  pool->spend({10, 20}, now());
  telemetry::Metrics::Families families;
  add_budgets(pools.readings(now()), families);
  ASSERT_EQ(families.size(), 2u);
  ASSERT_EQ(families[0].metric.size(), 2u) << "input is not limited";
  EXPECT_EQ(families[0].metric[0].label.back().value, "output");
  EXPECT_EQ(families[0].metric[0].gauge.value, 20);
  EXPECT_EQ(families[0].metric[1].gauge.value, 30);
  EXPECT_EQ(families[1].metric[0].gauge.value, 40);
  EXPECT_EQ(families[1].metric[1].gauge.value, 100);
  const auto later = pools.readings(now() + std::chrono::days(32));
  EXPECT_EQ(later.at(0).state.spent, Spent{}) << "another month";
}

TEST(BudgetJson, AResourceShowsTheBudgetsThatItGivesHasOrShares) {
  metering::TokenPools pools;
  Policy both = cap(100);
  both.max_tokens.input = 40;
  const ResourceKey m{Kind::kDeployment, "w", "m", "production"};
  const auto shared = pools.pool(kProductionKey, both);
  const auto own = pools.pool(m, cap(7));
  const auto other = pools.pool({Kind::kDeployment, "w", "n", "staging"}, cap(7));
  shared->spend({50, 20}, now());
  const auto shown = [&](const ResourceKey& key) {
    std::vector<std::string> out;
    for (const auto& each : budgets_json(budgets_of(key, pools, now()))) {
      const auto text = [&](const char* field) { return boost::json::serialize(each.at(field)); };
      out.push_back(text("owner") + text("tokens") + text("limit") + text("spent") + text("left"));
    }
    return out;
  };
  const std::string kInput = R"("environment w/production""input"40500)";
  const std::string kTotal = R"("environment w/production""total"1007030)";
  EXPECT_THAT(shown(kProductionKey), ElementsAre(kInput, kTotal));
  EXPECT_THAT(shown(m), ElementsAre(kInput, kTotal, R"("deployment w/m@production""total"707)"));
  EXPECT_THAT(shown({Kind::kPolicy, "w", "cap", ""}), SizeIs(4));
  EXPECT_THAT(shown({Kind::kPolicy, "x", "cap", ""}), IsEmpty());
  EXPECT_THAT(shown({Kind::kWorkspace, "", "w", ""}), IsEmpty());
}

TEST(UsageJson, AddsUpByWhatIsAsked) {
  const std::vector<Use> uses = {
      {{}, {"w", "a", "production"}, 1, "cpu/x86", 1, 2, 3, 1'500, 5},
      {{}, {"w", "a", "production"}, 2, "gpu/t4", 1, 2, 3, 500, 5},
      {{}, {"w", "b", "staging"}, 1, "cpu/x86", 1, 0, 0, 0, 0},
  };
  const auto items = [&](UsageBy by) {
    return boost::json::serialize(usage_json(uses, by).at("items"));
  };
  EXPECT_EQ(items(UsageBy::kDeployment),
            R"([{"model":"a","environment":"production","requests":2,"inputTokens":4,)"
            R"("outputTokens":6,"replicaSeconds":2E0,"deviceByteSeconds":10},)"
            R"({"model":"b","environment":"staging","requests":1,"inputTokens":0,)"
            R"("outputTokens":0,"replicaSeconds":0E0,"deviceByteSeconds":0}])");
  EXPECT_THAT(items(UsageBy::kRevision),
              HasSubstr(R"("environment":"production","revision":2,"requests":1)"));
  EXPECT_THAT(items(UsageBy::kFlavor), HasSubstr(R"([{"flavor":"cpu/x86","requests":2)"));
  EXPECT_THAT(items(UsageBy::kEnvironment), HasSubstr(R"({"environment":"staging","requests":1)"));
  EXPECT_EQ(usage_json(uses, UsageBy::kFlavor).at("total").at("requests").as_uint64(), 3u);
}

TEST(TokenBudgets, HoldTheEnvironmentsPoliciesAndTheDeploymentsOwn) {
  Snapshot snapshot;
  const auto have = [&](Draft draft) {
    const auto entry = std::make_shared<const Entry>(Entry{.draft = std::move(draft)});
    snapshot.entries.push_back(entry);
    std::ranges::sort(snapshot.entries, {}, Snapshot::key_of);
    return entry;
  };
  have({{Kind::kPolicy, "w", "cap", ""}, {}, cap(100)});
  have({kProductionKey, {}, Environment{"production", {"cap"}}});
  DeploymentSpec spec;
  const auto plain = have({{Kind::kDeployment, "w", "a", "production"}, {}, spec});
  spec.policies = {"cap"};
  const auto own = have({{Kind::kDeployment, "w", "b", "production"}, {}, spec});
  const auto free = have({{Kind::kDeployment, "w", "c", "staging"}, {}, DeploymentSpec()});
  metering::TokenPools pools;
  const auto of = [&](const auto& entry) { return token_budget(snapshot, *entry, pools); };
  EXPECT_TRUE(of(free).unlimited());
  EXPECT_EQ(of(plain), of(plain));
  EXPECT_NE(of(plain), of(own));
  of(own).spend({60, 0}, now());
  EXPECT_FALSE(of(plain).admit(now()));
  of(plain).spend({60, 0}, now());
  EXPECT_EQ(of(own).admit(now()).value().owner, kProductionKey) << "its own has 60 of 100";
}

}  // namespace
}  // namespace tenon::control
