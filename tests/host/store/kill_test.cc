// Kills a process that writes, again and again: what it was told to be stored must be there, and of
// a batch all or nothing.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include "host/store/sqlite_store.h"

namespace tenon::store {
namespace {

namespace fs = std::filesystem;

constexpr int kKills = 200;
constexpr int kBatch = 3;

ResourceKey key(int index) {
  return {Kind::kDeployment, "w", "m" + std::to_string(index), "production"};
}

// Writes batches of one number each and tells every number that is stored.
[[noreturn]] void write_for_ever(const std::string& file, int from, int told) {
  auto store = SqliteStore::open(file);
  if (!store) ::_exit(1);
  for (int number = from;; ++number) {
    std::vector<Change> batch(kBatch);
    for (int i = 0; i < kBatch; ++i) {
      batch[static_cast<std::size_t>(i)].key = key(i);
      batch[static_cast<std::size_t>(i)].document = std::to_string(number);
      batch[static_cast<std::size_t>(i)].revision = std::to_string(number);
    }
    if (!(*store)->apply(batch, {"storm", {}})) ::_exit(2);
    if (::write(told, &number, sizeof number) != sizeof number) ::_exit(3);
  }
}

int last_told(int pipe) {
  int last = 0;
  for (int number; ::read(pipe, &number, sizeof number) == sizeof number;) last = number;
  return last;
}

TEST(StoreKillTest, NoAcknowledgedWriteIsLostAndNoBatchIsTorn) {
  const fs::path folder =
      fs::temp_directory_path() / ("tenon-store-kill-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const std::string file = folder / "tenon.db";
  std::minstd_rand random(7);
  int stored = 0;
  for (int kill = 0; kill < kKills && !HasFailure(); ++kill) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t writer = ::fork();
    if (writer == 0) write_for_ever(file, stored + 1, ends[1]);
    ::close(ends[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(2'000 + random() % 20'000));
    ::kill(writer, SIGKILL);
    int status = 0;
    ::waitpid(writer, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << status;
    const int told = last_told(ends[0]);
    ::close(ends[0]);

    const auto store = SqliteStore::open(file);
    ASSERT_TRUE(store) << store.error().message;
    const auto page = (*store)->list(Kind::kDeployment, {}, 100);
    ASSERT_TRUE(page);
    if (page->items.empty()) {
      EXPECT_EQ(told, 0);
      continue;
    }
    ASSERT_EQ(page->items.size(), static_cast<std::size_t>(kBatch));
    stored = std::stoi(page->items[0].document);
    EXPECT_GE(stored, told);
    for (const Resource& resource : page->items) {
      EXPECT_EQ(resource.document, page->items[0].document);
      const auto revisions = (*store)->revisions(deployment_key(resource.key));
      EXPECT_EQ(revisions->front().document, resource.document);
    }
  }
  EXPECT_GT(stored, 0);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace tenon::store
