#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/host/lifecycle/house.h"

namespace tenon::lifecycle::testing {
namespace {

#ifndef TENON_SANITIZED  // whose allocator does not count like this
TEST(Rest, ADeploymentTakesLittleMemory) {
  constexpr unsigned kDeployments = 1'000;
  House house;
  const Wanted pattern = House::wanted("pattern");
  const auto used = [] { return ::mallinfo2().uordblks; };
  const std::size_t before = used();
  std::vector<Wanted> wanted;
  for (unsigned i = 0; i < kDeployments; ++i) {
    wanted.push_back(House::wanted("model-" + std::to_string(i)));
    House::change(wanted.back(), [&](DeploymentSpec& spec) {
      spec.model_path = "/var/lib/tenon/models/of-some-length/" + std::to_string(i);
    });
    const auto spec = wanted.back().blueprint.spec;
    wanted.back().blueprint = pattern.blueprint;  // they share the rest
    wanted.back().blueprint.spec = spec;
  }
  house.apply(std::move(wanted));
  house.settle();
  const std::size_t each = (used() - before) / kDeployments;
  RecordProperty("bytes", static_cast<int>(each));
  EXPECT_LE(each, 2'400U);
  EXPECT_EQ(house.clock.alarms_set(), 0U);
}
#endif

}  // namespace
}  // namespace tenon::lifecycle::testing
