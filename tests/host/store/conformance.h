#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/store/store.h"

// What every store must do, whatever keeps it. The parameter makes one.
namespace tenon::store::testing {

// Something that keeps what a store was given.
class Keeper {
 public:
  virtual ~Keeper() = default;
  // The store as the next host finds it; the one before is closed.
  virtual Store& open(Bounds) = 0;
};

struct Backend {
  std::string name;
  std::function<std::unique_ptr<Keeper>()> make;
};
inline void PrintTo(const Backend& backend, std::ostream* out) {
  *out << backend.name;
}

inline constexpr Time kNoon = Time(std::chrono::seconds(1'700'000'000));
inline const ResourceKey kModel{Kind::kDeployment, "w", "m", "production"};
inline const DeploymentKey kDeployment{"w", "m", "production"};

inline Change put(const ResourceKey& key, std::string document, std::string revision = "") {
  return {.key = key,
          .document = std::move(document),
          .managed_by = "api",
          .revision = std::move(revision),
          .expected = std::nullopt};
}
inline Change removal(const ResourceKey& key) {
  Change change = put(key, "");
  change.verb = Change::Verb::kRemove;
  return change;
}

class StoreConformance : public ::testing::TestWithParam<Backend> {
 protected:
  StoreConformance() : keeper_(GetParam().make()) { open(); }

  // Of this test: before anything is stored.
  void open(Bounds bounds = {}) {
    bounds_ = bounds;
    reopen();
  }
  void reopen() { store_ = &keeper_->open(bounds_); }

  std::vector<Outcome> apply(const std::vector<Change>& changes,
                             const Author& author = {"tester", kNoon}) {
    auto done = store_->apply(changes, author);
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

  const std::unique_ptr<Keeper> keeper_;
  Bounds bounds_;
  Store* store_ = nullptr;
};

}  // namespace tenon::store::testing
