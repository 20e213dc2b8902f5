#include "host/store/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "host/store/sqlite_store.h"

namespace tenon::store {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::string message(const Result<void>& done) {
  return done ? "" : done.error().message;
}

class BackupTest : public testing::Test {
 protected:
  BackupTest() : folder_(fs::temp_directory_path() / ("tenon-backup-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~BackupTest() override { fs::remove_all(folder_); }

  static std::unique_ptr<SqliteStore> open(const std::string& file) {
    auto opened = SqliteStore::open(file);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? *std::move(opened) : nullptr;
  }
  static void put(Store& store, const std::string& document) {
    const Change change{.key = {Kind::kPolicy, "w", "p", ""},
                        .document = document,
                        .managed_by = "api",
                        .revision = "",
                        .expected = std::nullopt};
    EXPECT_TRUE(store.apply(std::span(&change, 1), {"tester", {}}));
  }
  static std::string document(Store& store) {
    return store.list(Kind::kPolicy, {}, 1)->items.at(0).document;
  }
  static void write(const std::string& file, const std::string& text) {
    std::ofstream(file) << text;
  }

  fs::path folder_;
  std::string file_ = folder_ / "tenon.db";
  std::string copy_ = folder_ / "copy.db";
};

TEST_F(BackupTest, OfARunningStoreIsWholeAndOneFile) {
  const auto store = open(file_);
  put(*store, "1");
  EXPECT_EQ(message(backup(file_, copy_)), "");
  put(*store, "2");
  for (const char* end : {"-wal", "-shm", ".partial"}) EXPECT_FALSE(fs::exists(copy_ + end)) << end;
  EXPECT_EQ(fs::status(copy_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const std::string other = folder_ / "other.db";
  EXPECT_EQ(message(restore(copy_, other)), "");
  EXPECT_EQ(document(*open(other)), "1");
}

TEST_F(BackupTest, ReplacesNoFile) {
  open(file_);
  write(copy_, "precious");
  EXPECT_THAT(message(backup(file_, copy_)), HasSubstr("exists already"));
  EXPECT_EQ(fs::file_size(copy_), 8u);
  EXPECT_EQ(backup(folder_ / "none.db", folder_ / "b.db").error().code, Code::kNotFound);
}

TEST_F(BackupTest, RestoringSetsTheOldStoreAside) {
  put(*open(file_), "1");
  EXPECT_EQ(message(backup(file_, copy_)), "");
  put(*open(file_), "2");
  EXPECT_EQ(message(restore(copy_, file_)), "");
  EXPECT_EQ(document(*open(file_)), "1");
  fs::rename(file_ + ".before-restore", file_);
  EXPECT_EQ(document(*open(file_)), "2");
}

TEST_F(BackupTest, RestoringOverAStoreThatWasKilledTakesNothingOfItsLog) {
  put(*open(file_), "1");
  EXPECT_EQ(message(backup(file_, copy_)), "");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto store = open(file_);
    put(*store, "2");
    ::_exit(0);  // as if killed: the log stays
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(fs::exists(file_ + "-wal"));
  EXPECT_EQ(message(restore(copy_, file_)), "");
  EXPECT_EQ(document(*open(file_)), "1");
}

TEST_F(BackupTest, RestoringReplacesADamagedStore) {
  put(*open(file_), "1");
  EXPECT_EQ(message(backup(file_, copy_)), "");
  write(file_, std::string(10'000, 'x'));
  EXPECT_THAT(message(backup(file_, folder_ / "second.db")), HasSubstr("damaged"));
  EXPECT_EQ(message(restore(copy_, file_)), "");
  EXPECT_EQ(document(*open(file_)), "1");
}

TEST_F(BackupTest, RestoringIsRefusedWhileAHostHasTheStoreOrFromNoBackup) {
  const auto store = open(file_);
  EXPECT_EQ(message(backup(file_, copy_)), "");
  EXPECT_THAT(message(restore(copy_, file_)), HasSubstr("process " + std::to_string(::getpid())));
  const std::string other = folder_ / "other.db", bad = folder_ / "bad.db";
  EXPECT_EQ(restore(folder_ / "none.db", other).error().code, Code::kNotFound);
  for (const std::string& content : {std::string(10'000, 'x'), std::string()}) {
    write(bad, content);
    EXPECT_THAT(message(restore(bad, other)), HasSubstr("bad.db is no store"));
    EXPECT_FALSE(fs::exists(other));
  }
}

}  // namespace
}  // namespace tenon::store
