#include "host/simulator/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon::simulator {
namespace {

using testing::HasSubstr;

Trace read(std::string_view text) {
  const auto trace = parse_trace(text);
  EXPECT_TRUE(trace) << trace.error().message;
  return trace.value_or(Trace{});
}

std::string refused(std::string_view text) {
  const auto trace = parse_trace(text);
  EXPECT_FALSE(trace) << text;
  return trace ? "" : trace.error().message;
}

TEST(Trace, OfCsvIsPutInOrderAndBeginsAtZero) {
  const Trace trace = read(
      "deployment, time, other, tokens, "
      "duration\r\nb,12.5,x,30,0.25\r\n\r\na,11,,,\r\nb,12.5,y,,1\n");
  EXPECT_EQ(trace.names, (std::vector<std::string>{"b", "a"}));
  ASSERT_EQ(trace.arrivals.size(), 3u);
  EXPECT_EQ(trace.arrivals[0].at, microseconds(0));
  EXPECT_EQ(trace.arrivals[0].deployment, 1u);
  EXPECT_EQ(trace.arrivals[1].at, microseconds(1'500'000));
  EXPECT_EQ(trace.arrivals[1].duration, microseconds(250'000));
  EXPECT_EQ(trace.arrivals[1].tokens, 30u);
  EXPECT_EQ(trace.arrivals[2].duration, microseconds(1'000'000)) << "as written, of one time";
}

TEST(Trace, OfAzureFunctionsIsUnderstood) {
  const Trace trace = read("app,func,end_timestamp,duration\nx,f,12.5,2.5\nx,g,10.5,0.1\n");
  ASSERT_EQ(trace.arrivals.size(), 2u);
  EXPECT_EQ(trace.names[trace.arrivals[0].deployment], "f");
  EXPECT_EQ(trace.arrivals[1].at, microseconds(400'000));
}

TEST(Trace, OfLinesOfJson) {
  const Trace trace = read(
      "{\"time\": 3, \"deployment\": \"a@staging\", \"more\": [1]}\n"
      "{\"time\": 2, \"deployment\": \"b\", \"duration\": 0.5, \"tokens\": 7}\n");
  ASSERT_EQ(trace.arrivals.size(), 2u);
  EXPECT_EQ(trace.names[trace.arrivals[0].deployment], "b");
  EXPECT_EQ(trace.arrivals[0].tokens, 7u);
  EXPECT_EQ(trace.arrivals[1].at, microseconds(1'000'000));
}

TEST(Trace, ThatIsNoneIsRefusedWithItsLine) {
  EXPECT_THAT(refused(""), HasSubstr("no request"));
  EXPECT_THAT(refused("time,deployment\n"), HasSubstr("no request"));
  EXPECT_THAT(refused("when,what\n1,2\n"), HasSubstr("line 1: expected the names of the columns"));
  EXPECT_THAT(refused("time,deployment,time\n1,a,1\n"), HasSubstr("line 1"));
  EXPECT_THAT(refused("time,deployment\n1,a\nsoon,a\n"), HasSubstr("line 3: 'soon' is no number"));
  EXPECT_THAT(refused("time,deployment\n,a\n"), HasSubstr("line 2: 'time' is missing"));
  EXPECT_THAT(refused("time,deployment\n1\n"), HasSubstr("line 2: 'deployment' is missing"));
  EXPECT_THAT(refused("time,deployment,duration\n1,a,-1\n"), HasSubstr("'duration' is -1"));
  EXPECT_THAT(refused("time,deployment\nnan,a\n"), HasSubstr("'time' is nan"));
  EXPECT_THAT(refused("time,deployment\n1e300,a\n"), HasSubstr("expected seconds"));
  EXPECT_THAT(refused("time,deployment,tokens\n1,a,-2\n"), HasSubstr("'tokens' is -2"));
  EXPECT_THAT(refused("{\"time\": 1}\n"), HasSubstr("line 1: 'deployment' is missing"));
  EXPECT_THAT(refused("{\"time\": 1, \"deployment\": \"a\"}\nx\n"),
              HasSubstr("line 2: expected a JSON"));
  EXPECT_THAT(refused("{\"time\": \"1\", \"deployment\": \"a\"}\n"),
              HasSubstr("'time': expected a number"));
  EXPECT_THAT(refused("{\"time\": 1, \"deployment\": 4}\n"), HasSubstr("expected a string"));
}

}  // namespace
}  // namespace tenon::simulator
