// What a host's files do to its resources, at the start and as they change. Real files, a real
// store; what is waited for is the change itself.
#include "host/cli/manifest_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "host/store/sqlite_store.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Kept : public testing::Test {
 protected:
  Kept() : folder_(fs::path(testing::TempDir()) / ("keeper-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "d");
    host_.manifests = {folder_ / "d"};
    host_.watch = true;
    store_ = *store::SqliteStore::open(folder_ / "tenon.db");
    catalog_ = *control::Catalog::open(*store_, "default", {}, std::chrono::system_clock::now);
  }
  ~Kept() override {
    catalog_.reset();
    store_.reset();
    fs::remove_all(folder_);
  }

  static std::string policy(const std::string& name) {
    return "[[policy]]\nname = \"" + name + "\"\ntype = \"flavor\"\nflavors = [\"cpu/x86\"]\n";
  }
  static std::string environment(const std::string& name, const std::string& policy) {
    return "[[environment]]\nname = \"" + name + "\"\npolicies = [\"" + policy + "\"]\n";
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / "d" / name) << text;
  }

  std::vector<std::string> names(Kind kind) const {
    std::vector<std::string> out;
    catalog_->snapshot()->each(kind, "default", [&](const control::Entry& entry) {
      if (entry.authors->managed_by != control::kMadeByHost) {
        out.push_back(entry.key().name);
      }
    });
    return out;
  }
  std::string manager(const std::string& policy) const {
    const auto snapshot = catalog_->snapshot();
    const auto* entry = snapshot->find({Kind::kPolicy, "default", policy, ""});
    return entry ? fs::path(entry->authors->managed_by.substr(5)).filename() : "";
  }

  // As at a start.
  Result<ManifestKeeper::Applied> apply() {
    ManifestFolders folders;
    std::vector<ResourceFile> files = {{folder_ / "host.toml", {}}};
    stamps_ = {};
    for (const auto& [file, stamp] : *folders.list(folder_ / "d")) {
      files.push_back({file, *read(*folders.read(file), file)});
      stamps_[file] = stamp;
    }
    return keeper_.apply(*catalog_, files, host_);
  }

  void watch() {
    const std::string config = folder_ / "host.toml";
    if (!fs::exists(config)) std::ofstream(config) << "\n";
    stamps_.merge(*ManifestFolders().list(config));
    keeper_.watch(*catalog_, config, host_, std::exchange(stamps_, {}));
  }
  // Lets it follow the files until `done`.
  void follow(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    loop_.restart();
    while (!done() && std::chrono::steady_clock::now() < end) loop_.run_one_for(milliseconds(50));
    EXPECT_TRUE(done());
  }
  bool has_problem(const std::string& name) const { return !problem(name).empty(); }
  std::string problem(const std::string& name) const {
    return keeper_.problem_of("file:" + (folder_ / "d" / name).string());
  }

  static Result<std::vector<Draft>> read(std::string_view text, const std::string& path) {
    return resources_in(text, path, {"default"});
  }

  const fs::path folder_;
  HostSpec host_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<control::Catalog> catalog_;
  boost::asio::io_context loop_;
  unsigned reloads_ = 0;
  std::size_t problems_ = 0;
  ManifestSource::Files stamps_;
  ManifestKeeper keeper_{{.loop = loop_,
                          .run = [](const auto& what) { what(); },
                          .read = read,
                          .reload = [this] { ++reloads_; },
                          .on_problems = [this](std::size_t count) { problems_ = count; }}};
};

TEST_F(Kept, FollowsWhatIsWritten) {
  host_.prune = true;
  write("a.toml", policy("one"));
  ASSERT_TRUE(apply());
  watch();
  EXPECT_THAT(names(Kind::kPolicy), ElementsAre("one"));
  write("a.toml", policy("one") + policy("two"));
  write("b.toml", policy("three"));
  follow([&] { return names(Kind::kPolicy).size() == 3; });
  // As editors write: beside it, then renamed over it.
  write("a.new", policy("one") + policy("four"));
  fs::rename(folder_ / "d" / "a.new", folder_ / "d" / "a.toml");
  follow([&] { return manager("two").empty() && manager("four") == "a.toml"; });
}

TEST_F(Kept, ABadFileLeavesWhatWasAndIsToldUntilItIsRight) {
  host_.prune = true;
  write("a.toml", policy("one"));
  ASSERT_TRUE(apply());
  watch();
  write("a.toml", "[[policy]]\nhunter2 = 1\n");
  write("b.toml", policy("two"));
  follow([&] { return has_problem("a.toml") && manager("two") == "b.toml"; });
  EXPECT_EQ(problems_, 1u);
  EXPECT_EQ(manager("one"), "a.toml");
  EXPECT_THAT(problem("a.toml"), HasSubstr("a.toml:1:1: "));
  EXPECT_THAT(problem("a.toml"), Not(HasSubstr("hunter2")));  // others may read this
  write("a.toml", policy("one"));
  follow([&] { return !has_problem("a.toml"); });
  EXPECT_EQ(problems_, 0u);
}

TEST_F(Kept, FilesThatNameEachOtherComeInAnyOrder) {
  watch();
  write("a.toml", environment("staging", "late"));
  follow([&] { return has_problem("a.toml"); });
  EXPECT_THAT(names(Kind::kEnvironment), IsEmpty());
  write("b.toml", policy("late"));
  follow([&] { return !has_problem("a.toml"); });
  EXPECT_THAT(names(Kind::kEnvironment), ElementsAre("staging"));
}

TEST_F(Kept, AFileThatIsGoneTakesItsResourcesAlongOnlyWithPrune) {
  write("a.toml", policy("one"));
  write("b.toml", policy("two"));
  ASSERT_TRUE(apply());
  watch();
  fs::remove(folder_ / "d" / "a.toml");
  write("c.toml", policy("three"));
  follow([&] { return manager("three") == "c.toml"; });
  ASSERT_TRUE(apply());
  EXPECT_EQ(manager("one"), "a.toml");
  host_.prune = true;
  const auto applied = apply();  // what went while no host ran, too
  ASSERT_TRUE(applied);
  EXPECT_EQ(applied->removed, 1u);
  watch();
  fs::remove(folder_ / "d" / "b.toml");
  follow([&] { return names(Kind::kPolicy) == std::vector<std::string>{"three"}; });
}

TEST_F(Kept, AFileOfAnotherNameTakesOverWhatItHolds) {
  host_.prune = true;
  write("a.toml", policy("one"));
  ASSERT_TRUE(apply());
  watch();
  const auto before = catalog_->snapshot()->find({Kind::kPolicy, "default", "one", ""})->created_at;
  fs::rename(folder_ / "d" / "a.toml", folder_ / "d" / "z.toml");
  write("z.toml", policy("one") + policy("two"));
  follow([&] { return manager("two") == "z.toml"; });
  EXPECT_EQ(manager("one"), "z.toml");
  // Also when it was there for a while before the other went.
  write("b.toml", policy("one") + policy("late"));
  follow([&] { return manager("late") == "b.toml"; });
  fs::remove(folder_ / "d" / "z.toml");
  follow([&] { return manager("one") == "b.toml" && manager("two").empty(); });
  const auto after = catalog_->snapshot()->find({Kind::kPolicy, "default", "one", ""})->created_at;
  EXPECT_EQ(after, before);  // never removed
}

TEST_F(Kept, AFolderThatVanishesAndReturnsLosesNothing) {
  host_.prune = true;
  write("a.toml", policy("one"));
  ASSERT_TRUE(apply());
  watch();
  fs::rename(folder_ / "d", folder_ / "away");
  const std::string folder = "file:" + (folder_ / "d").string();
  follow([&] { return !keeper_.problem_of(folder).empty(); });
  EXPECT_EQ(manager("one"), "a.toml");
  fs::rename(folder_ / "away", folder_ / "d");
  write("a.toml", policy("one") + policy("two"));
  follow([&] { return manager("two") == "a.toml" && keeper_.problem_of(folder).empty(); });
}

TEST_F(Kept, ADifferentConfigurationIsReadAgain) {
  ASSERT_TRUE(apply());
  watch();
  std::ofstream(folder_ / "host.toml") << "[host]\n";
  follow([&] { return reloads_ != 0; });
}

}  // namespace
}  // namespace tenon::cli
