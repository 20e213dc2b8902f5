#include "host/domain/moment.h"

#include <gtest/gtest.h>

namespace tenon {
namespace {

TEST(Moment, IsReadAsItIsWritten) {
  for (const char* text : {"2026-11-24T16:13:28.003Z", "1970-01-01T00:00:00.000Z"}) {
    const auto time = parse_utc(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(utc_text(*time), text);
  }
  EXPECT_EQ(utc_text(*parse_utc("2026-02-28")), "2026-02-28T00:00:00.000Z");
  EXPECT_EQ(utc_text(*parse_utc("2026-02-28T23:59:59Z")), "2026-02-28T23:59:59.000Z");
}

TEST(Moment, AnythingElseIsNoTime) {
  for (const char* text :
       {"", "2026", "2026-02-30", "2026-1-1", "2026-11-24T", "2026-11-24T16:13", "+026-11-24",
        "2026-11-24T16:13:28", "2026-11-24T16:13:28+01:00", "2026-11-24T24:00:00Z",
        "2026-11-24T16:13:28.Z", "2026-11-24T16:13:28Zz", "9999-01-01", "2026-11--4"}) {
    EXPECT_FALSE(parse_utc(text)) << text;
  }
}

}  // namespace
}  // namespace tenon
