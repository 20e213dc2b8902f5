#include "host/control/catalog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "host/domain/environment.h"
#include "host/store/sqlite_store.h"

namespace tenon::control {
namespace {

const ResourceKey kModel{Kind::kDeployment, "default", "m", std::string(kProduction)};

class CatalogTest : public ::testing::Test {
 protected:
  CatalogTest() {
    std::filesystem::create_directories(folder_);
    open();
  }
  ~CatalogTest() override {
    catalog_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  // As after a restart.
  void open() {
    catalog_.reset();
    store_.reset();
    store_ = *store::SqliteStore::open(folder_ / "tenon.db");
    catalog_ = *Catalog::open(*store_, "default", {}, std::chrono::system_clock::now);
  }

  static Draft draft(const std::string& path, unsigned weight = 0) {
    DeploymentSpec spec;
    spec.key = deployment_key(kModel);
    spec.runtime = "echo";
    spec.model_path = path;
    if (weight != 0) spec.canary = CanaryShare{weight, 0};
    return {kModel, {}, spec};
  }
  void write(const Draft& draft) {
    const Wish wish{.draft = draft};
    const auto done = catalog_->change({&wish, 1}, {"test", "api", true, false});
    ASSERT_TRUE(done) << done.error().front().message;
  }
  const Entry& entry() {
    snapshot_ = catalog_->snapshot();
    return *snapshot_->find(kModel);
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("tenon-catalog-" + std::to_string(::getpid()));
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<const Snapshot> snapshot_;
};

TEST_F(CatalogTest, ACanaryIsARevisionAndItsWeightIsNot) {
  write(draft("old"));
  write(draft("new", 10));
  EXPECT_EQ(entry().revision, 2u);
  EXPECT_EQ(entry().stable->revision, 1u);
  write(draft("new", 50));
  EXPECT_EQ(entry().revision, 2u);
  EXPECT_EQ(entry().stable->revision, 1u);
  write(draft("new"));
  EXPECT_EQ(entry().revision, 2u);
  EXPECT_EQ(entry().stable, nullptr);
}

TEST_F(CatalogTest, BothRevisionsAreThereAfterARestartHoweverManyCameBetween) {
  write(draft("old"));
  for (int i = 0; i < 12; ++i) write(draft("new" + std::to_string(i), 10));
  open();
  EXPECT_EQ(entry().revision, 13u);
  ASSERT_NE(entry().stable, nullptr);
  EXPECT_EQ(entry().stable->revision, 1u);
  EXPECT_EQ(std::get<DeploymentSpec>(entry().stable->draft.spec).model_path, "old");
}

TEST_F(CatalogTest, ChangedFilesAreARevisionOnceItIsWrittenAgain) {
  const auto model = folder_ / "model";
  std::filesystem::create_directories(model);
  std::ofstream(model / "config.json") << "1";
  write(draft(model));
  const std::uint64_t digest = std::get<DeploymentSpec>(entry().draft.spec).origin_digest;
  write(draft(model));
  EXPECT_EQ(entry().revision, 1u);
  std::ofstream(model / "config.json") << "2";
  // What is changed without being described anew is as it was.
  Draft off = entry().draft;
  std::get<DeploymentSpec>(off.spec).enabled = false;
  write(off);
  EXPECT_EQ(entry().revision, 1u);
  write(draft(model));
  EXPECT_EQ(entry().revision, 2u);
  EXPECT_NE(std::get<DeploymentSpec>(entry().draft.spec).origin_digest, digest);
  open();
  write(draft(model));
  EXPECT_EQ(entry().revision, 2u);
}

TEST_F(CatalogTest, TheEndOfACanaryIsARevisionLikeTheStableOne) {
  write(draft("old"));
  write(draft("new", 10));
  write(draft("old", 10));
  EXPECT_EQ(entry().revision, 3u);
  EXPECT_EQ(entry().stable, nullptr);
}

}  // namespace
}  // namespace tenon::control
