#include "runtimes/tensor/tensor.h"

#include <gtest/gtest.h>

namespace tenon::tensor {
namespace {

TEST(TensorTest, EveryDtypeGoesThereAndBack) {
  for (auto dtype = DType::kBool; dtype <= DType::kF64;
       dtype = static_cast<DType>(static_cast<int>(dtype) + 1)) {
    EXPECT_EQ(dtype_of(name_of(dtype)), dtype);
    EXPECT_GE(size_of(dtype), 1U);
  }
  EXPECT_EQ(size_of(*dtype_of("F32")), 4U);
  EXPECT_EQ(size_of(*dtype_of("BF16")), 2U);
  EXPECT_EQ(size_of(*dtype_of("I64")), 8U);
  EXPECT_FALSE(dtype_of("f32"));
  EXPECT_FALSE(dtype_of(""));
}

TEST(TensorTest, AShapeReadsAsAList) {
  EXPECT_EQ(to_string(std::vector<std::uint64_t>{384, 1536}), "[384, 1536]");
  EXPECT_EQ(to_string({}), "[]");
}

}  // namespace
}  // namespace tenon::tensor
