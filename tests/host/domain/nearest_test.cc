#include "host/domain/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace tenon {
namespace {

constexpr std::array<std::string_view, 6> kKnown = {"minReplicas", "maxReplicas", "metric",
                                                    "target",      "model",       "runtime"};

TEST(Nearest, FindsTypingMistakes) {
  EXPECT_EQ(nearest("maxReplica", kKnown), "maxReplicas");
  EXPECT_EQ(nearest("modle", kKnown), "model");
  EXPECT_EQ(nearest("tarqet", kKnown), "target");
  EXPECT_EQ(nearest("runtme", kKnown), "runtime");
}

TEST(Nearest, FindsOtherSpellings) {
  EXPECT_EQ(nearest("max_replicas", kKnown), "maxReplicas");
  EXPECT_EQ(nearest("MINREPLICAS", kKnown), "minReplicas");
  EXPECT_EQ(nearest("min-replicas", kKnown), "minReplicas");
}

TEST(Nearest, SuggestsNothingFarFetched) {
  EXPECT_EQ(nearest("colour", kKnown), std::nullopt);
  EXPECT_EQ(nearest("", kKnown), std::nullopt);
  EXPECT_EQ(nearest("x", kKnown), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 'm'), kKnown), std::nullopt);
  EXPECT_EQ(nearest("model", {}), std::nullopt);
  constexpr std::array<std::string_view, 1> kShort = {"a"};
  EXPECT_EQ(nearest("b", kShort), std::nullopt);
}

TEST(Nearest, EndsAMessage) {
  EXPECT_EQ(did_you_mean("modle", kKnown), "; did you mean 'model'?");
  EXPECT_EQ(did_you_mean("colour", kKnown), "");
}

}  // namespace
}  // namespace tenon
