#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "host/store/sqlite_store.h"

namespace tenon::store {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr Time kNoon = Time(std::chrono::seconds(1'700'000'000));
const ResourceKey kModel{Kind::kDeployment, "w", "m", "production"};

Change put(const ResourceKey& key, std::string document, std::string revision = "") {
  return {.key = key,
          .document = std::move(document),
          .managed_by = "api",
          .revision = std::move(revision),
          .expected = std::nullopt};
}
Change removal(const ResourceKey& key) {
  Change change = put(key, "");
  change.verb = Change::Verb::kRemove;
  return change;
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() : folder_(fs::temp_directory_path() / ("tenon-store-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    open();
  }
  ~StoreTest() override {
    store_.reset();
    fs::remove_all(folder_);
  }

  void open(Bounds bounds = {}) {
    store_.reset();
    auto opened = SqliteStore::open(file(), bounds);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  std::string file() const { return folder_ / "tenon.db"; }
  std::vector<Outcome> apply(const std::vector<Change>& changes) {
    auto done = store_->apply(changes, {"tester", kNoon});
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : std::vector<Outcome>{};
  }
  std::vector<std::string> documents(Kind kind = Kind::kDeployment) {
    std::vector<std::string> out;
    for (const Resource& resource : store_->list(kind, {}, 100)->items) {
      out.push_back(resource.document);
    }
    return out;
  }

  fs::path folder_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(StoreTest, KeepsWhatItIsGivenOverAReopening) {
  const auto created = apply({put(kModel, "{\"a\":1}")});
  EXPECT_EQ(created[0], (Outcome{Done::kCreated, 1, 0}));
  open();
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

TEST_F(StoreTest, SaysWhatEachChangeDid) {
  apply({put(kModel, "1")});
  EXPECT_EQ(apply({put(kModel, "1")})[0], (Outcome{Done::kUnchanged, 1, 0}));
  EXPECT_EQ(apply({put(kModel, "2")})[0], (Outcome{Done::kConfigured, 2, 0}));
  EXPECT_EQ(apply({removal(kModel)})[0], (Outcome{Done::kDeleted, 3, 0}));
  EXPECT_EQ(apply({removal(kModel)})[0], (Outcome{Done::kUnchanged, 0, 0}));
  EXPECT_TRUE(documents().empty());
}

TEST_F(StoreTest, ABatchIsAllOrNothing) {
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

TEST_F(StoreTest, VersionZeroMeansThatItMustBeNew) {
  Change fresh = put(kModel, "1");
  fresh.expected = 0;
  EXPECT_EQ(apply({fresh})[0].done, Done::kCreated);
  EXPECT_FALSE(store_->apply(std::vector{fresh}, {"tester", kNoon}));
}

TEST_F(StoreTest, PagesGoOnAfterTheLast) {
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

TEST_F(StoreTest, KeepsTheLatestRevisionsAndDropsThemWithTheirDeployment) {
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

TEST_F(StoreTest, AuditsWhatTookEffectNewestFirst) {
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

TEST_F(StoreTest, OneHostHasIt) {
  const auto second = SqliteStore::open(file());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kPrecondition);
  EXPECT_THAT(second.error().message, HasSubstr("process " + std::to_string(::getpid())));
}

void execute(const std::string& file, const char* sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
}

TEST_F(StoreTest, RefusesWhatItCannotReadAndLeavesItAsItIs) {
  store_.reset();
  execute(file(), "PRAGMA user_version=99");
  EXPECT_THAT(SqliteStore::open(file()).error().message, HasSubstr("a later version of Tenon"));

  const std::string foreign = folder_ / "foreign.db";
  execute(foreign, "PRAGMA application_id=7; PRAGMA user_version=1");
  EXPECT_THAT(SqliteStore::open(foreign).error().message, HasSubstr("of another program"));

  const std::string garbage = folder_ / "garbage.db";
  std::ofstream(garbage) << std::string(5'000, 'x');
  EXPECT_THAT(SqliteStore::open(garbage).error().message, HasSubstr("no store of Tenon"));
  EXPECT_EQ(fs::file_size(garbage), 5'000u);
}

TEST_F(StoreTest, AFullDiskIsAnAnswer) {
  apply({put(kModel, "1")});
  const std::vector<Change> large = {put(kModel, std::string(64 << 20, 'x'))};
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{8 << 20, limit.rlim_max};
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto refused = store_->apply(large, {"tester", kNoon});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kExhausted) << refused.error().message;
  EXPECT_THAT(refused.error().message, HasSubstr("Nothing of this change was stored"));
  EXPECT_EQ(documents(), std::vector<std::string>{"1"});
  apply({put(kModel, "2")});
  EXPECT_EQ(documents(), std::vector<std::string>{"2"});
}

TEST_F(StoreTest, TheLastCountOfAPolicyStands) {
  const ResourceKey production{Kind::kEnvironment, "w", "production", ""};
  const TokenCount day{production, "cap", kNoon, kNoon + std::chrono::hours(24), 5, 6};
  const TokenCount own{kModel, "cap", kNoon, kNoon + std::chrono::minutes(1), 7, ~0ULL};
  ASSERT_TRUE(store_->book(std::vector{day, own}, {}, kNoon));
  TokenCount later = day;
  later.input = 50;
  ASSERT_TRUE(store_->book(std::vector{later}, {}, kNoon));
  open();
  const auto kept = store_->token_counts();
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 2u);
  EXPECT_EQ((*kept)[0], later);
  EXPECT_EQ((*kept)[1].output, (1ULL << 63) - 1) << "as much as the column holds";
  ASSERT_TRUE(store_->book({}, {}, kNoon + std::chrono::hours(1)));
  EXPECT_EQ(store_->token_counts()->size(), 1u) << "the minute is over";
}

TEST_F(StoreTest, UseOfAnHourAddsUp) {
  const Use once{kNoon, {"w", "m", "production"}, 1, "cpu/x86", 1, 20, 30, 400, 5'000};
  Use other = once;
  other.revision = 2;
  Use later = once;
  later.hour += std::chrono::hours(1);
  ASSERT_TRUE(store_->book({}, std::vector{once, other}, kNoon));
  ASSERT_TRUE(store_->book({}, std::vector{once, later}, kNoon));
  Use twice{kNoon, once.deployment, 1, "cpu/x86", 2, 40, 60, 800, 10'000};
  const auto hour = std::chrono::hours(1);
  EXPECT_EQ(store_->use("w", kNoon, kNoon + hour).value(), (std::vector{twice, other}));
  EXPECT_EQ(store_->use("w", kNoon + hour, kNoon + 2 * hour).value(), std::vector{later});
  EXPECT_TRUE(store_->use("x", kNoon, kNoon + hour)->empty());
  Use most = once;
  most.output_tokens = ~0ULL;
  ASSERT_TRUE(store_->book({}, std::vector{most, most}, kNoon));
  EXPECT_EQ(store_->use("w", kNoon, kNoon + hour)->front().output_tokens, (1ULL << 63) - 1);
}

TEST_F(StoreTest, UseOutlivesItsDeploymentButNotItsBound) {
  apply({put(kModel, "1", "r")});
  const Use use{kNoon, {"w", "m", "production"}, 1, "cpu/x86", 1, 0, 0, 0, 0};
  ASSERT_TRUE(store_->book({}, std::vector{use}, kNoon));
  apply({removal(kModel)});
  EXPECT_EQ(store_->use("w", kNoon, kNoon + std::chrono::hours(1))->size(), 1u);
  ASSERT_TRUE(store_->book({}, {}, kNoon + Bounds().use + std::chrono::hours(1)));
  EXPECT_TRUE(store_->use("w", kNoon, kNoon + std::chrono::hours(1))->empty());
}

}  // namespace
}  // namespace tenon::store
