#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>

#include "host/store/sqlite_store.h"

namespace tenon::store {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr Time kNoon = Time(std::chrono::seconds(1'700'000'000));
const ResourceKey kModel{Kind::kDeployment, "w", "m", "production"};

Change put(const ResourceKey& key, std::string document) {
  return {.key = key,
          .document = std::move(document),
          .managed_by = "api",
          .revision = "",
          .expected = std::nullopt};
}

void execute(const std::string& file, const char* sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
}

class SqliteStoreTest : public testing::Test {
 protected:
  SqliteStoreTest()
      : folder_(fs::temp_directory_path() / ("tenon-store-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    open();
  }
  ~SqliteStoreTest() override {
    store_.reset();
    fs::remove_all(folder_);
  }

  void open() {
    store_.reset();
    auto opened = SqliteStore::open(file());
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

TEST_F(SqliteStoreTest, OneHostHasIt) {
  const auto second = SqliteStore::open(file());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kPrecondition);
  EXPECT_THAT(second.error().message, HasSubstr("process " + std::to_string(::getpid())));
}

TEST_F(SqliteStoreTest, RefusesWhatItCannotReadAndLeavesItAsItIs) {
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

TEST_F(SqliteStoreTest, AFullDiskIsAnAnswer) {
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

TEST_F(SqliteStoreTest, WhatRequestsAskForWaitsForNoWrite) {
  apply({put(kModel, "1")});
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  auto write = std::async(std::launch::async, [this] {
    return store_->apply(std::vector{put(kModel, "2")}, {"tester", kNoon}).has_value();
  });
  const DeploymentKey model = deployment_key(kModel);
  EXPECT_TRUE(store_->events(model));
  EXPECT_TRUE(store_->revisions(model));
  EXPECT_EQ(store_->audit({}, 10)->size(), 1u);
  EXPECT_TRUE(store_->use("w", kNoon, kNoon));
  EXPECT_EQ(write.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  EXPECT_TRUE(write.get());
  EXPECT_EQ(store_->audit({}, 10)->size(), 2u);
}

TEST_F(SqliteStoreTest, ARoleThatIsNotKnownGainsNoPower) {
  ASSERT_TRUE(store_->add_key({"a", "", "", Role::kMember}, {"ann", kNoon}));
  store_.reset();
  execute(file(), "UPDATE api_key SET role = 'boss'");
  open();
  EXPECT_EQ(store_->keys()->front().role, Role::kInvoke);
}

// What each step of the schema added is taken away again, the last first.
constexpr const char* kBeforeEvents =
    "ALTER TABLE api_key DROP COLUMN requests_per_second; DROP TABLE event;"
    "ALTER TABLE revision DROP COLUMN served; PRAGMA user_version = 3";
constexpr const char* kBeforeKeys =
    "DROP TABLE token_count; DROP TABLE use; DROP TABLE api_key;"
    "ALTER TABLE state DROP COLUMN keys_were_created;"
    "ALTER TABLE audit DROP COLUMN result; PRAGMA user_version = 1";

TEST_F(SqliteStoreTest, AStoreFromBeforeThereWereEventsGetsThem) {
  apply({put(kModel, "1")});
  store_.reset();
  execute(file(), kBeforeEvents);
  open();
  EXPECT_EQ(documents(), std::vector<std::string>{"1"});
  const DeploymentKey model = deployment_key(kModel);
  EXPECT_TRUE(store_->events(model)->empty());
  const Event event{model, kNoon, "State", "DEPLOYED", 1, ""};
  ASSERT_TRUE(store_->add_events(std::vector{event}));
  EXPECT_EQ(store_->events(model).value(), std::vector{event});
}

TEST_F(SqliteStoreTest, AStoreFromBeforeThereWereKeysGetsThem) {
  const std::vector<AuditEntry> before = {{0, kNoon, "ann", "created", "workspace w"}};
  ASSERT_TRUE(store_->add_audit(before));
  store_.reset();
  execute(file(), kBeforeEvents);
  execute(file(), kBeforeKeys);
  open();
  EXPECT_FALSE(*store_->keys_were_created());
  EXPECT_EQ(store_->audit({}, 10)->front().result, "ok");
  EXPECT_TRUE(store_->add_key({"a", "", ""}, {"ann", kNoon}));
}

}  // namespace
}  // namespace tenon::store
