#include "host/gateway/route.h"

#include <gtest/gtest.h>

#include <vector>

#include "host/gateway/request_id.h"

namespace tenon::gateway {
namespace {

Route::Kind kind_of(std::string_view target) {
  Route route;
  route.read(target);
  return route.kind;
}

TEST(RouteTest, ReadsTheNamesAndLeavesTheRest) {
  Route route;
  route.read("/w/models/m%2dx/a%2F/../b?x=%31&environment=dev&y");
  EXPECT_EQ(route.kind, Route::Kind::kModel);
  EXPECT_EQ(route.workspace, "w");
  EXPECT_EQ(route.model, "m-x");
  EXPECT_EQ(route.environment, "dev");
  EXPECT_EQ(route.path, "/a%2F/../b");
  EXPECT_EQ(route.query, "x=%31&y");
}

TEST(RouteTest, ProductionIsTheDefault) {
  Route route;
  route.read("/w/models/m?my-environment=a");
  EXPECT_EQ(route.environment, "production");
  EXPECT_EQ(route.query, "my-environment=a");
}

TEST(RouteTest, ALaterTargetForgetsTheEarlier) {
  Route route;
  route.read("/w/models/m?environment=dev");
  route.read("/w/models/n/x");
  EXPECT_EQ(route.model, "n");
  EXPECT_EQ(route.environment, "production");
  EXPECT_EQ(route.query, "");
}

TEST(RouteTest, TellsTheShapesApart) {
  EXPECT_EQ(kind_of("/healthz"), Route::Kind::kHost);
  EXPECT_EQ(kind_of("/v0/models/m"), Route::Kind::kHost);
  EXPECT_EQ(kind_of("*"), Route::Kind::kStar);
  EXPECT_EQ(kind_of("/w/models"), Route::Kind::kUnknown);
  EXPECT_EQ(kind_of("//models/m"), Route::Kind::kUnknown);
  EXPECT_EQ(kind_of("/w/models//x"), Route::Kind::kUnknown);
  EXPECT_EQ(kind_of("w/models/m"), Route::Kind::kBad);
  EXPECT_EQ(kind_of("/w/models/%4"), Route::Kind::kBad);
  EXPECT_EQ(kind_of("/w/models/m?environment=%q1"), Route::Kind::kBad);
}

TEST(RequestIdTest, TakesOnlyVisibleIds) {
  EXPECT_TRUE(is_sane_request_id("a-b.7:8/9"));
  EXPECT_TRUE(is_sane_request_id(std::string(128, 'a')));
  EXPECT_FALSE(is_sane_request_id(std::string(129, 'a')));
  EXPECT_FALSE(is_sane_request_id(""));
  EXPECT_FALSE(is_sane_request_id("a b"));
  EXPECT_FALSE(is_sane_request_id("a\"b"));
  EXPECT_FALSE(is_sane_request_id("\xc3\xa9"));
}

TEST(RequestIdTest, IdsDiffer) {
  RequestIds ids, others;
  std::string a, b, c;
  ids.next(a);
  ids.next(b);
  others.next(c);
  EXPECT_EQ(a.size(), 32u);
  EXPECT_NE(a, b);
  EXPECT_NE(a, c);
}

TEST(TraceParentTest, MalformedIsNone) {
  const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  EXPECT_EQ(parse_traceparent(good).trace_id[15], 0x9c);
  for (const std::string& bad : std::vector<std::string>{
           good.substr(1), good + "-x", "ff" + good.substr(2), std::string(55, '0'),
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"}) {
    EXPECT_EQ(parse_traceparent(bad).trace_id, (std::array<std::uint8_t, 16>{})) << bad;
  }
}

}  // namespace
}  // namespace tenon::gateway
