#include "runtimes/ops/isa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon::ops {
namespace {

using testing::HasSubstr;

TEST(IsaTest, EmptyMeansTheBest) {
  EXPECT_EQ(*choose_isa(""), detect_isa());
}

TEST(IsaTest, ScalarIsAlwaysThere) {
  EXPECT_EQ(*choose_isa("scalar"), Isa::kScalar);
}

TEST(IsaTest, AnUnknownNameIsAnErrorWithTheKnownOnes) {
  const auto isa = choose_isa("AVX512");
  ASSERT_FALSE(isa);
  EXPECT_THAT(isa.error().message,
              testing::AllOf(HasSubstr("AVX512"), HasSubstr("avx512"), HasSubstr("scalar")));
}

TEST(IsaTest, MoreThanTheProcessorOffersIsRefused) {
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512}) {
    EXPECT_EQ(choose_isa(name_of(isa)).has_value(), isa <= detect_isa()) << name_of(isa);
  }
}

}  // namespace
}  // namespace tenon::ops
