#include "host/scheduler/restarts.h"

#include <gtest/gtest.h>

namespace tenon::scheduler {
namespace {

using std::chrono::milliseconds;

TEST(Restarts, BackOffDoublesUntilTheBreakerOpens) {
  const RestartPolicy policy{.first = milliseconds(100), .most = milliseconds(350)};
  const TimePoint now{};
  Restarts r;
  for (const int expected : {100, 200, 350, 350}) {
    r = after_failure(policy, r, now);
    EXPECT_EQ(r.not_before - now, milliseconds(expected));
    EXPECT_FALSE(r.open);
  }
  for (int i = 0; i < 100; ++i) {
    r = after_failure(policy, r, now);
    EXPECT_TRUE(r.open);
    EXPECT_EQ(r.not_before - now, policy.cool_down);
  }
}

}  // namespace
}  // namespace tenon::scheduler
