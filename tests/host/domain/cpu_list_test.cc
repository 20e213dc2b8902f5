#include "host/domain/cpu_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CpuList, IsReadAsLinuxWritesIt) {
  EXPECT_THAT(*parse_cpu_list("0-3,8"), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_THAT(*parse_cpu_list("8,1-2,2"), ElementsAre(1, 2, 8));
  EXPECT_THAT(*parse_cpu_list(""), ElementsAre());
}

TEST(CpuList, RefusesWhatIsNone) {
  for (const char* text : {",", "1,", "a", "3-1", "-1", "1-", "16384", "0-99999999", "1 2"}) {
    const auto parsed = parse_cpu_list(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr("such as \"0-3,8\""));
  }
}

TEST(CpuList, IsWrittenInRanges) {
  for (const char* text : {"", "0", "0-3,8", "1,3,5-6"}) {
    EXPECT_EQ(to_text(*parse_cpu_list(text)), text);
  }
}

}  // namespace
}  // namespace tenon
