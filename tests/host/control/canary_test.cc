#include "host/control/canary.h"

#include <gtest/gtest.h>

namespace tenon::control {
namespace {

Draft draft(const std::string& path, std::optional<CanaryShare> canary = {}) {
  DeploymentSpec spec;
  spec.key = {"w", "m", "production"};
  spec.model_path = path;
  spec.canary = canary;
  return {{Kind::kDeployment, "w", "m", "production"}, {}, spec};
}

std::optional<CanaryShare> settled(Draft wished, const Entry* now) {
  auto& spec = std::get<DeploymentSpec>(wished.spec);
  settle_canary(spec, now);
  return spec.canary;
}

std::shared_ptr<const Entry> entry(Draft draft, std::uint64_t revision,
                                   std::shared_ptr<const Entry> stable = nullptr) {
  return std::make_shared<const Entry>(
      Entry{.draft = std::move(draft), .revision = revision, .stable = std::move(stable)});
}

TEST(Canary, BeginsBesideWhatServes) {
  const auto now = entry(draft("old"), 4);
  EXPECT_EQ(settled(draft("new", CanaryShare{10, 0}), now.get()), (CanaryShare{10, 4}));
  EXPECT_EQ(stable_of(draft("new", CanaryShare{10, 4}), now), now);
}

TEST(Canary, AnotherOneTakesItsPlaceBesideTheSame) {
  const auto stable = entry(draft("old"), 4);
  const auto now = entry(draft("new", CanaryShare{10, 4}), 5, stable);
  EXPECT_EQ(settled(draft("newer", CanaryShare{20, 0}), now.get()), (CanaryShare{20, 4}));
  EXPECT_EQ(stable_of(draft("newer", CanaryShare{20, 4}), now), stable);
  // Without the key it is an update like another.
  EXPECT_EQ(settled(draft("new"), now.get()), std::nullopt);
  EXPECT_EQ(stable_of(draft("new"), now), nullptr);
}

TEST(Canary, NeedsAnEarlierRevisionThatDiffers) {
  const CanaryShare wish{10, 0};
  EXPECT_EQ(settled(draft("new", wish), nullptr), std::nullopt);
  EXPECT_EQ(settled(draft("new", wish), entry(draft("new"), 4).get()), std::nullopt);
  // Of the revision beside a canary it is the end of the canary.
  const auto both = entry(draft("new", CanaryShare{10, 4}), 5, entry(draft("old"), 4));
  EXPECT_EQ(settled(draft("old", wish), both.get()), std::nullopt);
}

}  // namespace
}  // namespace tenon::control
