#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>

#include "host/store/sqlite_store.h"

namespace tenon::store {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr Time at(int seconds) {
  return Time(std::chrono::seconds(1'700'000'000 + seconds));
}
const Author kAnn{"ann", at(5)};

ApiKey key(const std::string& id, int digest) {
  ApiKey out{.id = id, .name = "of " + id, .workspace = "w", .role = Role::kMember};
  out.secret[31] = static_cast<std::byte>(digest);
  out.created_at = at(1);
  return out;
}

class StoreKeysTest : public testing::Test {
 protected:
  StoreKeysTest()
      : folder_(fs::temp_directory_path() / ("tenon-store-keys-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    open();
  }
  ~StoreKeysTest() override {
    store_.reset();
    fs::remove_all(folder_);
  }

  std::string file() const { return folder_ / "tenon.db"; }
  void open() {
    store_.reset();
    auto opened = SqliteStore::open(file());
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  fs::path folder_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(StoreKeysTest, KeepsKeysOverAReopeningOldestFirst) {
  ApiKey second = key("a", 2);
  second.role = Role::kAdmin;
  second.workspace = "";
  second.expires_at = at(60);
  second.last_used_at = at(7);
  ASSERT_TRUE(store_->add_key(key("b", 1), kAnn));
  ASSERT_TRUE(store_->add_key(second, kAnn));
  open();
  EXPECT_EQ(*store_->keys(), (std::vector{key("b", 1), second}));
}

TEST_F(StoreKeysTest, AnIdAndASecretAreThereOnce) {
  ASSERT_TRUE(store_->add_key(key("a", 1), kAnn));
  EXPECT_EQ(store_->add_key(key("a", 2), kAnn).error().code, Code::kPrecondition);
  EXPECT_EQ(store_->add_key(key("b", 1), kAnn).error().code, Code::kPrecondition);
  EXPECT_EQ(store_->keys()->size(), 1u);
  EXPECT_EQ(store_->audit({}, 10)->size(), 1u);
}

TEST_F(StoreKeysTest, ThatThereWereKeysIsKnownForEver) {
  EXPECT_FALSE(*store_->keys_were_created());
  ASSERT_TRUE(store_->add_key(key("a", 1), kAnn));
  EXPECT_EQ(*store_->remove_key("a", kAnn), key("a", 1));
  open();
  EXPECT_TRUE(store_->keys()->empty());
  EXPECT_TRUE(*store_->keys_were_created());
  EXPECT_EQ(store_->remove_key("a", kAnn).error().code, Code::kNotFound);
}

TEST_F(StoreKeysTest, AUseIsNotedUnlessALaterOneIs) {
  ASSERT_TRUE(store_->add_key(key("a", 1), kAnn));
  const std::vector<KeyUse> uses = {{"a", at(20)}, {"unknown", at(20)}, {"a", at(10)}};
  ASSERT_TRUE(store_->mark_keys_used(uses));
  EXPECT_EQ(store_->keys()->front().last_used_at, at(20));
}

TEST_F(StoreKeysTest, TheAuditTellsOfKeysAndOfWhatWasRefused) {
  ASSERT_TRUE(store_->add_key(key("a", 1), kAnn));
  ASSERT_TRUE(store_->remove_key("a", {"bob", at(9)}));
  const std::vector<AuditEntry> refused = {{0, at(10), "eve", "refused", "PUT /v0/x", "FORBIDDEN"}};
  ASSERT_TRUE(store_->add_audit(refused));
  const auto entries = *store_->audit({}, 10);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[2],
            (AuditEntry{1, at(5), "ann", "created", "key of a (a), member of workspace w"}));
  EXPECT_EQ(entries[1].who, "bob");
  EXPECT_EQ(entries[1].action, "deleted");
  EXPECT_EQ(entries[0], (AuditEntry{3, at(10), "eve", "refused", "PUT /v0/x", "FORBIDDEN"}));
}

TEST_F(StoreKeysTest, ARoleThatIsNotKnownGainsNoPower) {
  ASSERT_TRUE(store_->add_key(key("a", 1), kAnn));
  store_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, "UPDATE api_key SET role = 'boss'", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  open();
  EXPECT_EQ(store_->keys()->front().role, Role::kInvoke);
}

TEST_F(StoreKeysTest, AStoreFromBeforeThereWereKeysGetsThem) {
  const std::vector<AuditEntry> before = {{0, at(1), "ann", "created", "workspace w"}};
  ASSERT_TRUE(store_->add_audit(before));
  store_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db,
                         "DROP TABLE token_count; DROP TABLE use; DROP TABLE api_key;"
                         "ALTER TABLE state DROP COLUMN keys_were_created;"
                         "ALTER TABLE audit DROP COLUMN result; PRAGMA user_version = 1",
                         nullptr, nullptr, nullptr),
            SQLITE_OK)
      << sqlite3_errmsg(db);
  sqlite3_close(db);
  open();
  EXPECT_FALSE(*store_->keys_were_created());
  EXPECT_EQ(store_->audit({}, 10)->front().result, "ok");
  EXPECT_TRUE(store_->add_key(key("a", 1), kAnn));
}

}  // namespace
}  // namespace tenon::store
