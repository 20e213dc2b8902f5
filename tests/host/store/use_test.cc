#include "tests/host/store/conformance.h"

namespace tenon::store::testing {
namespace {

using ::testing::UnorderedElementsAre;

TEST_P(StoreConformance, TheLastCountOfAPolicyStands) {
  const ResourceKey production{Kind::kEnvironment, "w", "production", ""};
  const TokenCount day{production, "cap", kNoon, kNoon + std::chrono::hours(24), 5, 6};
  const TokenCount own{kModel, "cap", kNoon, kNoon + std::chrono::minutes(1), 7, ~0ULL};
  ASSERT_TRUE(store_->book(std::vector{day, own}, {}, kNoon));
  TokenCount later = day;
  later.input = 50;
  ASSERT_TRUE(store_->book(std::vector{later}, {}, kNoon));
  reopen();
  const auto kept = store_->token_counts();
  ASSERT_TRUE(kept);
  TokenCount most = own;
  most.output = kMostUsed;
  EXPECT_THAT(*kept, UnorderedElementsAre(later, most));
  ASSERT_TRUE(store_->book({}, {}, kNoon + std::chrono::hours(1)));
  EXPECT_EQ(store_->token_counts()->size(), 1u) << "the minute is over";
}

TEST_P(StoreConformance, UseOfAnHourAddsUp) {
  const Use once{kNoon, {"w", "m", "production"}, 1, "cpu/x86", 1, 20, 30, 400, 5'000};
  Use other = once;
  other.revision = 2;
  Use later = once;
  later.hour += std::chrono::hours(1);
  ASSERT_TRUE(store_->book({}, std::vector{once, other}, kNoon));
  ASSERT_TRUE(store_->book({}, std::vector{once, later}, kNoon));
  Use twice{kNoon, once.deployment, 1, "cpu/x86", 2, 40, 60, 800, 10'000};
  const auto hour = std::chrono::hours(1);
  EXPECT_EQ(store_->use("w", kNoon, kNoon + hour).value(), (std::vector{twice, other}));
  EXPECT_EQ(store_->use("w", kNoon + hour, kNoon + 2 * hour).value(), std::vector{later});
  EXPECT_TRUE(store_->use("x", kNoon, kNoon + hour)->empty());
  Use most = once;
  most.output_tokens = ~0ULL;
  ASSERT_TRUE(store_->book({}, std::vector{most, most}, kNoon));
  EXPECT_EQ(store_->use("w", kNoon, kNoon + hour)->front().output_tokens, kMostUsed);
}

TEST_P(StoreConformance, UseOutlivesItsDeploymentButNotItsBound) {
  apply({put(kModel, "1", "r")});
  const Use use{kNoon, {"w", "m", "production"}, 1, "cpu/x86", 1, 0, 0, 0, 0};
  ASSERT_TRUE(store_->book({}, std::vector{use}, kNoon));
  apply({removal(kModel)});
  EXPECT_EQ(store_->use("w", kNoon, kNoon + std::chrono::hours(1))->size(), 1u);
  ASSERT_TRUE(store_->book({}, {}, kNoon + Bounds().use + std::chrono::hours(1)));
  EXPECT_TRUE(store_->use("w", kNoon, kNoon + std::chrono::hours(1))->empty());
}

}  // namespace
}  // namespace tenon::store::testing
