#include "host/simulator/waits.h"

#include <gtest/gtest.h>

namespace tenon::simulator {
namespace {

using std::chrono::microseconds;

TEST(Waits, TellTheirShares) {
  Waits waits;
  EXPECT_EQ(waits.at(0.5), microseconds(0));
  for (int i = 1; i <= 100; ++i) waits.add(microseconds(i));
  EXPECT_EQ(waits.at(0), microseconds(1));
  EXPECT_EQ(waits.at(0.5), microseconds(51));
  EXPECT_EQ(waits.at(0.99), microseconds(100));
  EXPECT_EQ(waits.at(1), microseconds(100));
}

TEST(Waits, AreExactToOnePerCentAndNeverTooSmall) {
  Waits waits;
  waits.add(microseconds(123'456'789));
  EXPECT_EQ(waits.at(1), microseconds(124'000'000));
  EXPECT_EQ(waits.count(), 1u);
}

}  // namespace
}  // namespace tenon::simulator
