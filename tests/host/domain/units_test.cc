#include "host/domain/units.h"

#include <gtest/gtest.h>

namespace tenon {
namespace {

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("1.5m"), milliseconds(90'000));
  EXPECT_EQ(parse_duration("2h"), milliseconds(7'200'000));
  EXPECT_EQ(parse_duration("0s"), milliseconds(0));
  EXPECT_EQ(parse_duration("8760h"), milliseconds(8760LL * 3'600'000));
}

TEST(Duration, RefusesWhatIsNone) {
  for (const char* text :
       {"", "s", "30", "30 s", " 30s", "30S", "-1s", "-0s", "+1s", "1e3s", "infs", "nans", "30sec",
        "0.5ms", "8761h", "1d", "0x10s", "999999999999h"}) {
    const auto result = parse_duration(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, Code::kInvalid);
  }
  EXPECT_EQ(parse_duration("30").error().message,
            "'30' is no duration: expected a number and ms, s, m or h, such as \"30s\", at most a "
            "year");
}

TEST(Size, IsANumberAndAUnit) {
  EXPECT_EQ(parse_size("4096B"), 4096u);
  EXPECT_EQ(parse_size("64kB"), 64'000u);
  EXPECT_EQ(parse_size("64KiB"), 65'536u);
  EXPECT_EQ(parse_size("12GB"), 12'000'000'000u);
  EXPECT_EQ(parse_size("512MiB"), 536'870'912u);
  EXPECT_EQ(parse_size("1.5GiB"), 1'610'612'736u);
}

TEST(Size, IsWrittenInTheLargestUnit) {
  EXPECT_EQ(size_text(0), "0B");
  EXPECT_EQ(size_text(1023), "1023B");
  EXPECT_EQ(size_text(1024), "1KiB");
  EXPECT_EQ(size_text(356'515'840), "340MiB");
  EXPECT_EQ(size_text(1'610'612'736), "1.5GiB");
  EXPECT_EQ(size_text(1ULL << 60), "1048576TiB");
}

TEST(Size, RefusesWhatIsNone) {
  for (const char* text :
       {"", "GB", "12", "12 GB", "12gb", "-1GB", "1e3GB", "12G", "nanB", "9999999999TB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

}  // namespace
}  // namespace tenon
