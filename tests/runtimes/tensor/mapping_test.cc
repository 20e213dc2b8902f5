#include "runtimes/tensor/mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace tenon::tensor {
namespace {

using testing::HasSubstr;

TEST(MappingTest, WhatIsGrownAndWrittenIsWhatAFileMapReads) {
  const int fd = memfd_create("mapping", MFD_CLOEXEC);
  auto grown = Mapping::grow(fd, 5000, "a file");
  ASSERT_TRUE(grown) << grown.error().message;
  std::memcpy(grown->writable().data() + 4990, "0123456789", 10);
  ASSERT_TRUE(grown->seal());
  const auto mapped = Mapping::file(fd, "a file");
  close(fd);
  ASSERT_TRUE(mapped) << mapped.error().message;
  EXPECT_EQ(mapped->bytes().size(), 5000U);
  EXPECT_EQ(std::memcmp(mapped->bytes().data() + 4990, "0123456789", 10), 0);
}

TEST(MappingTest, MovingLeavesNothingBehind) {
  auto first = Mapping::anonymous(4096);
  ASSERT_TRUE(first);
  Mapping second = std::move(*first);
  EXPECT_TRUE(first->bytes().empty());
  EXPECT_EQ(second.bytes().size(), 4096U);
  second = Mapping();
  EXPECT_TRUE(second.bytes().empty());
}

TEST(MappingTest, WhatCannotBeMappedIsNamed) {
  EXPECT_THAT(Mapping::open("/nowhere/at/all").error().message, HasSubstr("/nowhere/at/all"));
  EXPECT_EQ(Mapping::open("/nowhere/at/all").error().kind, Error::Kind::kNotFound);
  EXPECT_THAT(Mapping::open("/tmp").error().message, HasSubstr("/tmp is not a regular file"));
  const int fd = memfd_create("empty", MFD_CLOEXEC);
  EXPECT_THAT(Mapping::file(fd, "it").error().message, HasSubstr("it is empty"));
  close(fd);
  EXPECT_FALSE(Mapping::file(-1, "nothing"));
  EXPECT_EQ(Mapping::anonymous(std::uint64_t{1} << 62).error().kind, Error::Kind::kExhausted);
}

}  // namespace
}  // namespace tenon::tensor
