#include "tests/host/store/conformance.h"

namespace tenon::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_P(StoreConformance, KeepsWhatItIsGivenOverAReopening) {
  const auto created = apply({put(kModel, "{\"a\":1}")});
  EXPECT_EQ(created[0], (Outcome{Done::kCreated, 1, 0}));
  reopen();
  const auto page = store_->list(Kind::kDeployment, {}, 10);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->items.size(), 1u);
  const Resource& kept = page->items[0];
  EXPECT_EQ(kept.key, kModel);
  EXPECT_EQ(kept.document, "{\"a\":1}");
  EXPECT_EQ(kept.managed_by, "api");
  EXPECT_EQ(kept.created_by, "tester");
  EXPECT_EQ(kept.updated_at, kNoon);
  EXPECT_EQ(page->version, 1u);
}

TEST_P(StoreConformance, SaysWhatEachChangeDid) {
  apply({put(kModel, "1")});
  EXPECT_EQ(apply({put(kModel, "1")})[0], (Outcome{Done::kUnchanged, 1, 0}));
  EXPECT_EQ(apply({put(kModel, "2")})[0], (Outcome{Done::kConfigured, 2, 0}));
  EXPECT_EQ(apply({removal(kModel)})[0], (Outcome{Done::kDeleted, 3, 0}));
  EXPECT_EQ(apply({removal(kModel)})[0], (Outcome{Done::kUnchanged, 0, 0}));
  EXPECT_TRUE(documents().empty());
}

TEST_P(StoreConformance, ABatchIsAllOrNothing) {
  apply({put(kModel, "1")});
  Change stale = put(kModel, "2");
  stale.expected = 9;
  const ResourceKey other{Kind::kDeployment, "w", "n", "production"};
  const std::vector<Change> batch = {put(other, "1"), stale};
  const auto refused = store_->apply(batch, {"tester", kNoon});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPrecondition);
  EXPECT_EQ(refused.error().conflict, (Conflict{kModel, 9, 1}));
  EXPECT_THAT(refused.error().message, HasSubstr("has version 1, not 9"));
  EXPECT_EQ(documents(), std::vector<std::string>{"1"});
  EXPECT_EQ(store_->audit({}, 10)->size(), 1u);
}

TEST_P(StoreConformance, VersionZeroMeansThatItMustBeNew) {
  Change fresh = put(kModel, "1");
  fresh.expected = 0;
  EXPECT_EQ(apply({fresh})[0].done, Done::kCreated);
  EXPECT_FALSE(store_->apply(std::vector{fresh}, {"tester", kNoon}));
}

TEST_P(StoreConformance, PagesGoOnAfterTheLast) {
  std::vector<Change> batch;
  for (const char* name : {"a", "b", "c"}) {
    batch.push_back(put({Kind::kPolicy, "w", name, ""}, name));
  }
  batch.push_back(put({Kind::kLocation, "", "d", ""}, "d"));
  apply(batch);
  const auto first = store_->list(Kind::kPolicy, {}, 2);
  ASSERT_EQ(first->items.size(), 2u);
  EXPECT_TRUE(first->more);
  const auto second = store_->list(Kind::kPolicy, first->items.back().key, 2);
  ASSERT_EQ(second->items.size(), 1u);
  EXPECT_EQ(second->items[0].document, "c");
  EXPECT_FALSE(second->more);
}

TEST_P(StoreConformance, KeepsTheLatestRevisionsAndDropsThemWithTheirDeployment) {
  open({.revisions = 3, .audit = 100});
  for (int i = 1; i <= 5; ++i) {
    const std::string text = std::to_string(i);
    EXPECT_EQ(apply({put(kModel, text, text)})[0].revision, static_cast<std::uint64_t>(i));
  }
  const auto kept = store_->revisions(deployment_key(kModel));
  ASSERT_EQ(kept->size(), 3u);
  EXPECT_EQ(kept->front().number, 5u);
  EXPECT_EQ(kept->back().document, "3");
  EXPECT_EQ(store_->newest_revisions()->at(deployment_key(kModel)), 5u);
  apply({removal(kModel)});
  EXPECT_TRUE(store_->revisions(deployment_key(kModel))->empty());
}

TEST_P(StoreConformance, KeepsAnOldRevisionForAsLongAsItIsAsked) {
  open({.revisions = 2, .audit = 100});
  for (int i = 1; i <= 6; ++i) {
    const std::string text = std::to_string(i);
    Change change = put(kModel, text, text);
    if (i < 6) change.keeps = 2;
    apply({change});
    if (i != 5) continue;
    const auto kept = store_->revisions(kDeployment);
    ASSERT_EQ(kept->size(), 3u);
    EXPECT_EQ(kept->back().document, "2");
  }
  EXPECT_EQ(store_->revisions(kDeployment)->size(), 2u);
}

TEST_P(StoreConformance, KeepsTheLastRevisionThatHasServed) {
  open({.revisions = 2, .audit = 100});
  const auto begin = [&](int number) {
    apply({put(kModel, std::to_string(number), std::to_string(number))});
  };
  begin(1);
  begin(2);
  EXPECT_TRUE(store_->served_revisions()->empty());
  ASSERT_TRUE(store_->mark_served(kDeployment, 1));
  ASSERT_TRUE(store_->mark_served(kDeployment, 2));
  for (int i = 3; i <= 6; ++i) begin(i);
  reopen();
  EXPECT_EQ(store_->served_revisions()->at(kDeployment), 2u);
  EXPECT_EQ(store_->revisions(kDeployment)->size(), 3u);
  EXPECT_TRUE(store_->mark_served(kDeployment, 99));
  ASSERT_TRUE(store_->mark_served(kDeployment, 6));
  begin(7);
  EXPECT_EQ(store_->revisions(kDeployment)->size(), 2u);
  apply({removal(kModel)});
  EXPECT_TRUE(store_->served_revisions()->empty());
}

TEST_P(StoreConformance, AuditsWhatTookEffectNewestFirst) {
  open({.revisions = 10, .audit = 2});
  apply({put(kModel, "1")});
  apply({put(kModel, "1")});  // unchanged
  apply({put(kModel, "2")});
  apply({removal(kModel)});
  const auto entries = store_->audit({}, 10);
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ(entries->at(0).action, "deleted");
  EXPECT_EQ(entries->at(1).action, "configured");
  EXPECT_EQ(entries->at(1).who, "tester");
  EXPECT_EQ(entries->at(1).resource, "deployment w/m@production");
  EXPECT_EQ(store_->audit(entries->at(0).number, 10)->size(), 1u);
}

TEST_P(StoreConformance, AConflictTellsBothVersions) {
  apply({put(kModel, "1")});
  const auto refused = [&](Change change, std::uint64_t expected) {
    change.expected = expected;
    return store_->apply(std::vector{change}, {"tester", kNoon}).error();
  };
  EXPECT_EQ(refused(put(kModel, "2"), 0).conflict, (Conflict{kModel, 0, 1}));
  EXPECT_EQ(refused(removal(kModel), 7).conflict, (Conflict{kModel, 7, 1}));
  const ResourceKey none{Kind::kPolicy, "w", "p", ""};
  EXPECT_EQ(refused(put(none, "1"), 3).conflict, (Conflict{none, 3, 0}));
}

TEST_P(StoreConformance, AVersionIsGivenOnceWhateverTheKind) {
  const ResourceKey policy{Kind::kPolicy, "w", "p", ""};
  const auto done = apply({put(kModel, "1"), put(policy, "1"), removal(kModel), put(kModel, "1")});
  EXPECT_THAT(done, ElementsAre(Outcome{Done::kCreated, 1, 0}, Outcome{Done::kCreated, 2, 0},
                                Outcome{Done::kDeleted, 3, 0}, Outcome{Done::kCreated, 4, 0}));
  EXPECT_EQ(store_->list(Kind::kPolicy, {}, 10)->version, 4u);
}

TEST_P(StoreConformance, KnowsWhoMadeAResourceAndWhoChangedItLast) {
  apply({put(kModel, "1")}, {"ann", kNoon});
  Change change = put(kModel, "1");
  change.managed_by = "file:fleet.toml";
  const Time later = kNoon + std::chrono::microseconds(1);
  EXPECT_EQ(apply({change}, {"bob", later})[0].done, Done::kConfigured) << "another manager";
  const Resource kept = store_->list(Kind::kDeployment, {}, 1)->items.at(0);
  EXPECT_EQ(kept.managed_by, "file:fleet.toml");
  EXPECT_EQ(kept.created_by, "ann");
  EXPECT_EQ(kept.created_at, kNoon);
  EXPECT_EQ(kept.updated_by, "bob");
  EXPECT_EQ(kept.updated_at, later);
}

TEST_P(StoreConformance, ListsByWorkspaceNameAndEnvironment) {
  const auto model = [](const char* workspace, const char* name, const char* environment) {
    return ResourceKey{Kind::kDeployment, workspace, name, environment};
  };
  apply({put(model("b", "a", "production"), "4"), put(model("a", "b", "production"), "3"),
         put(model("a", "a-b", "production"), "2"), put(model("a", "a", "staging"), "1"),
         put(model("a", "a", "production"), "0")});
  EXPECT_THAT(documents(), ElementsAre("0", "1", "2", "3", "4"));
  const auto rest = store_->list(Kind::kDeployment, model("a", "a", "q"), 2);
  EXPECT_EQ(rest->items.at(0).document, "1") << "after a key that is not there";
  EXPECT_TRUE(rest->more);
}

TEST_P(StoreConformance, ARevisionMayBeginThoughTheDocumentIsTheSame) {
  EXPECT_EQ(apply({put(kModel, "1", "a")})[0], (Outcome{Done::kCreated, 1, 1}));
  EXPECT_EQ(apply({put(kModel, "1")})[0], (Outcome{Done::kUnchanged, 1, 0}));
  EXPECT_EQ(apply({put(kModel, "1", "a")})[0], (Outcome{Done::kConfigured, 2, 2}));
}

TEST_P(StoreConformance, ADeploymentThatComesBackBeginsAnew) {
  apply({put(kModel, "1", "a"), put(kModel, "2", "b")});
  ASSERT_TRUE(
      store_->add_events(std::vector{Event{kDeployment, kNoon, "State", "DEPLOYED", 2, ""}}));
  apply({removal(kModel), put(kModel, "1", "c")});
  EXPECT_EQ(store_->newest_revisions()->at(kDeployment), 1u);
  EXPECT_EQ(store_->revisions(kDeployment)->at(0).document, "c");
  EXPECT_TRUE(store_->events(kDeployment)->empty());
}

}  // namespace
}  // namespace tenon::store::testing
