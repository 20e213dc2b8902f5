#include "host/control/origin_digest.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tenon::control {
namespace {

namespace fs = std::filesystem;

class OriginDigest : public ::testing::Test {
 protected:
  OriginDigest() { fs::create_directories(folder_ / "deep"); }
  ~OriginDigest() override { fs::remove_all(folder_); }

  void write(const std::string& file, const std::string& text) {
    std::ofstream(folder_ / file) << text;
  }
  std::uint64_t digest() { return origin_digest(folder_); }

  const fs::path folder_ =
      fs::temp_directory_path() / ("tenon-origin-" + std::to_string(::getpid()));
};

TEST_F(OriginDigest, IsOfWhatSmallFilesHold) {
  write("config.json", "{}");
  write("deep/a", "1");
  const std::uint64_t before = digest();
  EXPECT_NE(before, 0u);
  fs::remove(folder_ / "config.json");
  write("config.json", "{}");  // the same again
  EXPECT_EQ(digest(), before);
  write("deep/a", "2");
  EXPECT_NE(digest(), before);
}

TEST_F(OriginDigest, IsOfPathsToo) {
  write("a", "1");
  const std::uint64_t before = digest();
  fs::rename(folder_ / "a", folder_ / "b");
  EXPECT_NE(digest(), before);
  fs::rename(folder_ / "b", folder_ / "a");
  EXPECT_EQ(digest(), before);
}

TEST_F(OriginDigest, TellsALargeFileByWhenItWasWritten) {
  write("weights", std::string(1 << 20, 'x'));
  const std::uint64_t before = digest();
  EXPECT_EQ(digest(), before);
  const auto time = fs::last_write_time(folder_ / "weights");
  fs::last_write_time(folder_ / "weights", time + std::chrono::seconds(1));
  EXPECT_NE(digest(), before);
  fs::last_write_time(folder_ / "weights", time);
  EXPECT_EQ(digest(), before);
}

TEST_F(OriginDigest, FollowsLinksToFiles) {
  write("blob", "1");
  fs::create_directories(folder_ / "snapshot");
  fs::create_symlink("../blob", folder_ / "snapshot/config.json");
  const std::uint64_t before = origin_digest(folder_ / "snapshot");
  write("blob", "2");
  EXPECT_NE(origin_digest(folder_ / "snapshot"), before);
}

TEST_F(OriginDigest, WaitsForNothingThatIsNoFile) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  fs::create_symlink(".", folder_ / "round");
  EXPECT_EQ(digest(), origin_digest(folder_ / "nowhere"));
}

}  // namespace
}  // namespace tenon::control
