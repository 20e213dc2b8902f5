#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "host/cli/usage_command.h"

namespace tenon::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

TEST(UsageRows, NameWhatTheyAreBy) {
  const auto answer = boost::json::parse(R"({"items": [
    {"model": "m", "environment": "production", "revision": 2, "requests": 5, "inputTokens": 7,
     "outputTokens": 0, "replicaSeconds": 1800.0, "deviceByteSeconds": 7200000000000}],
    "total": {"requests": 5, "inputTokens": 7, "outputTokens": 0, "replicaSeconds": 1800.0,
     "deviceByteSeconds": 7200000000000}})");
  EXPECT_EQ(usage_rows(answer), (Rows{{"MODEL", "ENVIRONMENT", "REVISION", "REQUESTS", "INPUT",
                                       "OUTPUT", "REPLICA HOURS", "GB HOURS"},
                                      {"m", "production", "2", "5", "7", "0", "0.500", "2.000"},
                                      {"total", "", "", "5", "7", "0", "0.500", "2.000"}}));
}

TEST(UsageRows, NothingUsedIsATotalOfNothing) {
  const auto rows = usage_rows(boost::json::parse(R"({"items": [], "total": {"requests": 0}})"));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1][0], "total");
  EXPECT_EQ(rows[1][1], "0");
}

}  // namespace
}  // namespace tenon::cli
