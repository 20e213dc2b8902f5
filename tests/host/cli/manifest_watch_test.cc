// When a manifest counts as changed. Files and time are played; a real folder only where its own
// ways matter (links, names).
#include "host/cli/manifest_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;
using testing::Pair;

constexpr milliseconds kSettle{100};

class PlayedFiles final : public ManifestSource {
 public:
  void put(const std::string& file, std::string text) {
    files_[file] = {{1, 1, text.size(), ++writes_}, std::move(text)};
  }
  void remove(const std::string& file) { files_.erase(file); }

  Result<Files> list(const std::string& path) override {
    if (away.contains(path)) return fail(Code::kNotFound, path + ": away");
    Files out;
    for (const auto& [file, held] : files_) {
      if (file == path || fs::path(file).parent_path() == path) out[file] = held.first;
    }
    if (out.empty() && fs::path(path).has_extension()) return fail(Code::kNotFound, path);
    return out;
  }

  Result<std::string> read(const std::string& file) override {
    std::string text = files_.at(file).second;
    if (while_reading) std::exchange(while_reading, nullptr)();
    return text;
  }

  std::set<std::string> away;
  std::function<void()> while_reading;

 private:
  std::int64_t writes_ = 0;
  std::map<std::string, std::pair<FileStamp, std::string>> files_;
};

class Watch : public testing::Test {
 protected:
  // "file: text" of each, "file gone"; and whether more may come.
  std::vector<std::string> look(milliseconds later = milliseconds(0)) {
    now_ += later;
    auto looked = watch_.look(files_, now_);
    problems_ = looked.problems;
    settling_ = looked.settling;
    std::vector<std::string> out;
    for (const auto& change : looked.changes) {
      out.push_back(change.file + (change.text ? ": " + change.text->value() : " gone"));
    }
    return out;
  }

  PlayedFiles files_;
  ManifestWatch watch_{{"/d", "/x/one.toml"}, {}, kSettle};
  ManifestWatch::Time now_;
  std::map<std::string, std::string> problems_;
  bool settling_ = false;
};

TEST_F(Watch, TellsAFileOnceItHasBeenTheSameForAWhile) {
  files_.put("/x/one.toml", "one");
  files_.put("/d/a.toml", "a");
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_TRUE(settling_);
  EXPECT_THAT(look(kSettle), ElementsAre("/d/a.toml: a", "/x/one.toml: one"));
  EXPECT_FALSE(settling_);
  EXPECT_THAT(look(kSettle), IsEmpty());
}

TEST_F(Watch, ReadsNoHalfOfAWrite) {
  files_.put("/x/one.toml", "");
  files_.put("/d/a.toml", "ha");
  look();
  files_.put("/d/a.toml", "half");
  EXPECT_THAT(look(kSettle), ElementsAre("/x/one.toml: "));
  EXPECT_TRUE(settling_);
  files_.while_reading = [&] { files_.put("/d/a.toml", "all of it"); };
  EXPECT_THAT(look(kSettle), IsEmpty());
  EXPECT_TRUE(settling_);
  look();
  EXPECT_THAT(look(kSettle), ElementsAre("/d/a.toml: all of it"));
}

TEST_F(Watch, AFileThatIsRemovedAndWrittenAnewWasNeverGone) {
  files_.put("/x/one.toml", "");
  files_.put("/d/a.toml", "a");
  look();
  look(kSettle);
  files_.remove("/d/a.toml");
  EXPECT_THAT(look(), IsEmpty());
  files_.put("/d/a.toml", "b");
  EXPECT_THAT(look(kSettle), IsEmpty());
  EXPECT_THAT(look(kSettle), ElementsAre("/d/a.toml: b"));
  files_.remove("/d/a.toml");
  look();
  EXPECT_THAT(look(kSettle), ElementsAre("/d/a.toml gone"));
  EXPECT_THAT(look(kSettle), IsEmpty());
  EXPECT_FALSE(settling_);
}

TEST_F(Watch, AFolderThatIsAwayHasLostNothing) {
  files_.put("/x/one.toml", "");
  files_.put("/d/a.toml", "a");
  look();
  look(kSettle);
  files_.away = {"/d"};
  look();
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_THAT(look(kSettle), IsEmpty());
  EXPECT_THAT(problems_, ElementsAre(Key("/d")));
  files_.away.clear();
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_FALSE(settling_);
}

TEST_F(Watch, AFileNamedByItselfIsMissedAndToldWhenItIsBackThoughItIsTheSame) {
  files_.put("/x/one.toml", "one");
  look();
  look(kSettle);
  files_.away = {"/x/one.toml"};
  look();
  EXPECT_THAT(look(kSettle), IsEmpty());
  EXPECT_THAT(problems_, ElementsAre(Key("/x/one.toml")));
  files_.away.clear();
  look();
  EXPECT_THAT(look(kSettle), ElementsAre("/x/one.toml: one"));
}

TEST_F(Watch, WhatWasReadBeforeIsNotToldAgain) {
  files_.put("/d/a.toml", "a");
  files_.put("/d/b.toml", "b");
  auto stamps = *files_.list("/d");
  files_.put("/d/b.toml", "B");
  ManifestWatch watch({"/d"}, stamps, milliseconds(0));
  const auto changes = watch.look(files_, now_).changes;
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes.front().file, "/d/b.toml");
}

// As a cluster mounts configuration: "..data" is a link that one rename points elsewhere.
TEST(ManifestFolders, ALinkThatPointsElsewhereIsAnotherFile) {
  const fs::path folder = fs::path(testing::TempDir()) / ("watch-" + std::to_string(::getpid()));
  for (const char* version : {"v1", "v2"}) {
    fs::create_directories(folder / version);
    std::ofstream(folder / version / "a.toml") << version;
  }
  fs::create_directory_symlink("v1", folder / "..data");
  fs::create_symlink("..data/a.toml", folder / "a.toml");
  fs::create_directories(folder / "folder.toml");
  std::ofstream(folder / "notes.txt") << "x";
  ManifestFolders folders;
  const std::string file = folder / "a.toml";
  const auto before = folders.list(folder);
  ASSERT_TRUE(before);
  EXPECT_THAT(*before, ElementsAre(Key(file)));
  fs::create_directory_symlink("v2", folder / "..data_tmp");
  fs::rename(folder / "..data_tmp", folder / "..data");
  const auto after = folders.list(folder);
  ASSERT_TRUE(after);
  EXPECT_THAT(*after, ElementsAre(Key(file)));
  EXPECT_NE(*before, *after);
  EXPECT_EQ(folders.read(file), "v2");
  EXPECT_FALSE(folders.list(folder / "nothing"));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace tenon::cli
