#include "host/access/open_mode.h"

#include <gtest/gtest.h>

namespace tenon::access {
namespace {

WebFields fields(std::string_view method, std::string_view host, std::string_view origin = "") {
  WebFields out;
  out.method = method;
  out.host = host;
  out.origin = origin;
  return out;
}

bool passes(const WebFields& web, Target target = Target::kControl,
            std::vector<std::string> origins = {}) {
  return !check_open(web, target, origins);
}

TEST(OpenModeTest, AnswersNamesOfTheLoopbackOnly) {
  for (const auto* host : {"localhost", "LOCALHOST:8080", "127.0.0.1:80", "127.8.9.1", "[::1]:8080",
                           "[::1]", "a.localhost:1", ""}) {
    EXPECT_TRUE(passes(fields("GET", host))) << host;
  }
  for (const auto* host : {"evil.example", "evil.example:8080", "127.0.0.1.evil.example",
                           "localhost.evil.example", "10.0.0.1", "[::2]", "[::1", "::1"}) {
    EXPECT_FALSE(passes(fields("GET", host))) << host;
    EXPECT_FALSE(passes(fields("GET", host), Target::kModel)) << host;
  }
}

TEST(OpenModeTest, AnswersPagesOfTheHostItselfAndOfConfiguredOrigins) {
  const std::string_view host = "localhost:8080";
  EXPECT_TRUE(passes(fields("GET", host, "http://localhost:8080")));
  for (const auto* origin : {"http://evil.example", "null", "http://localhost:3000",
                             "http://localhost:8080.evil.example"}) {
    EXPECT_FALSE(passes(fields("POST", host, origin))) << origin;
    EXPECT_FALSE(passes(fields("POST", host, origin), Target::kModel)) << origin;
  }
  EXPECT_TRUE(passes(fields("GET", host, "http://localhost:3000"), Target::kControl,
                     {"http://localhost:3000"}));
}

TEST(OpenModeTest, AStarOpensModelsAndNotTheApi) {
  const auto web = fields("POST", "localhost", "http://any.example");
  EXPECT_TRUE(passes(web, Target::kModel, {"*"}));
  EXPECT_FALSE(passes(web, Target::kControl, {"*"}));
}

TEST(OpenModeTest, WritesToTheApiMustBeJson) {
  auto web = fields("POST", "localhost");
  EXPECT_TRUE(passes(web));  // without a body nothing of a type is sent
  web.has_body = true;
  EXPECT_EQ(check_open(web, Target::kControl, {})->error, api::kUnsupportedType);
  web.content_type = "text/plain";
  EXPECT_FALSE(passes(web));
  EXPECT_TRUE(passes(web, Target::kModel));
  web.content_type = "Application/JSON; charset=utf-8";
  EXPECT_TRUE(passes(web));
  web.has_body = false;
  web.content_type = "text/plain";
  EXPECT_FALSE(passes(web));
}

}  // namespace
}  // namespace tenon::access
