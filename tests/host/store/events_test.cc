#include "tests/host/store/conformance.h"

namespace tenon::store::testing {
namespace {

Event event(std::uint64_t revision, const DeploymentKey& of = kDeployment) {
  return {of, kNoon, "LoadFailed", "FAILED", revision, "no such file"};
}

TEST_P(StoreConformance, KeepsEventsOverAReopeningOldestFirst) {
  apply({put(kModel, "1")});
  ASSERT_TRUE(store_->add_events(std::vector{event(1), event(2)}));
  ASSERT_TRUE(store_->add_events(std::vector{event(3)}));
  reopen();
  EXPECT_EQ(store_->events(kDeployment).value(), (std::vector{event(1), event(2), event(3)}));
}

TEST_P(StoreConformance, KeepsTheLastEventsOfEachDeployment) {
  open({.events = 2});
  const ResourceKey other{Kind::kDeployment, "w", "n", "production"};
  apply({put(kModel, "1"), put(other, "1")});
  const DeploymentKey n = deployment_key(other);
  ASSERT_TRUE(store_->add_events(std::vector{event(9, n), event(1), event(2), event(3)}));
  EXPECT_EQ(store_->events(kDeployment).value(), (std::vector{event(2), event(3)}));
  EXPECT_EQ(store_->events(n).value(), std::vector{event(9, n)});
}

TEST_P(StoreConformance, EventsAreOfDeploymentsThatAreThere) {
  apply({put(kModel, "1")});
  const DeploymentKey none{"w", "none", "production"};
  ASSERT_TRUE(store_->add_events(std::vector{event(1, none), event(1)})) << "it is passed over";
  EXPECT_TRUE(store_->events(none)->empty());
  EXPECT_EQ(store_->events(kDeployment)->size(), 1u);
  apply({removal(kModel)});
  EXPECT_TRUE(store_->events(kDeployment)->empty());
}

}  // namespace
}  // namespace tenon::store::testing
