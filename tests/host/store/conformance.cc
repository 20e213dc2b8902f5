#include "tests/host/store/conformance.h"

#include <unistd.h>

#include <filesystem>

#include "host/store/sqlite_store.h"
#include "tests/host/store/memory_store.h"

namespace tenon::store::testing {
namespace {

namespace fs = std::filesystem;

class Folder final : public Keeper {
 public:
  Folder() {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() override {
    store_.reset();
    fs::remove_all(path_);
  }

  Store& open(Bounds bounds) override {
    store_.reset();
    store_ = SqliteStore::open(path_ / "tenon.db", bounds).value();
    return *store_;
  }

 private:
  const fs::path path_ = fs::temp_directory_path() / ("tenon-store-" + std::to_string(::getpid()));
  std::unique_ptr<SqliteStore> store_;
};

// What it keeps lasts as long as the test.
class Memory final : public Keeper {
 public:
  Store& open(Bounds bounds) override {
    if (!store_ || bounds != bounds_) store_ = std::make_unique<MemoryStore>(bounds);
    bounds_ = bounds;
    return *store_;
  }

 private:
  Bounds bounds_;
  std::unique_ptr<MemoryStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreConformance,
                         ::testing::Values(Backend{"Sqlite", std::make_unique<Folder>},
                                           Backend{"Memory", std::make_unique<Memory>}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace tenon::store::testing
