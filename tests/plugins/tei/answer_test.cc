#include "plugins/tei/answer.h"

#include <gtest/gtest.h>

#include "plugins/tei/routes.h"

namespace tenon::tei {
namespace {

TEST(Errors, HaveTheirKindsStatusAndBody) {
  const Answer validation = answer_error(ApiError::validation("too \"long\""), Dialect::kTei);
  EXPECT_EQ(validation.status, 422u);
  EXPECT_EQ(validation.content_type, "application/json");
  EXPECT_EQ(validation.body,
            R"({"error":"Input validation error: too \"long\"","error_type":"Validation"})");
  EXPECT_EQ(answer_error(ApiError::empty("`inputs` cannot be empty"), Dialect::kOpenAi).body,
            R"({"message":"Input validation error: `inputs` cannot be empty","code":400,)"
            R"("type":"Empty"})");
  EXPECT_EQ(answer_error(ApiError::overloaded(), Dialect::kTei).status, 429u);
  EXPECT_EQ(answer_error(ApiError::backend("x"), Dialect::kTei).status, 424u);
  EXPECT_EQ(answer_error(ApiError::tokenizer("x"), Dialect::kTei).body,
            R"({"error":"tokenizer error x","error_type":"Tokenizer"})");
}

TEST(Answers, AllowOtherOrigins) {
  using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;
  EXPECT_EQ(
      all_headers(answer_not_found()),
      (Pairs{{"vary", "origin, access-control-request-method, access-control-request-headers"},
             {"access-control-allow-origin", "*"}}));
  EXPECT_EQ(all_headers(answer_preflight()).size(), 4u);
  EXPECT_EQ(all_headers(answer_json("[]")).front(),
            (Pairs::value_type{"content-type", "application/json"}));
}

TEST(ContentTypes, AnnounceJson) {
  for (const std::string_view type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/cloudevents+json", "application/json ;x=y"}) {
    EXPECT_TRUE(announces_json(type)) << type;
  }
  for (const std::string_view type : {"", "text/json", "text/plain", "application/jsonx", "json",
                                      "application/x-www-form-urlencoded", "application/+json"}) {
    EXPECT_FALSE(announces_json(type)) << type;
  }
}

Answer framework(std::string_view method, std::string_view path) {
  auto found = find_route(method, path, Route::kEmbed);
  if (auto* answer = std::get_if<Answer>(&found)) return *answer;
  ADD_FAILURE() << method << " " << path << " is a route";
  return {};
}

Route route(std::string_view method, std::string_view path, Route root = Route::kEmbed) {
  auto found = find_route(method, path, root);
  if (auto* known = std::get_if<Route>(&found)) return *known;
  ADD_FAILURE() << method << " " << path << " is no route";
  return {};
}

TEST(Routes, AreFoundByMethodAndExactPath) {
  EXPECT_EQ(route("POST", "/embed"), Route::kEmbed);
  EXPECT_EQ(route("POST", "/v1/embeddings"), Route::kOpenAi);
  EXPECT_EQ(route("POST", "/embeddings"), Route::kOpenAi);
  EXPECT_EQ(route("GET", "/"), Route::kHealth);
  EXPECT_EQ(route("HEAD", "/ping"), Route::kHealth);
  EXPECT_EQ(route("POST", "/"), Route::kEmbed);
  EXPECT_EQ(route("POST", "/invocations", Route::kSimilarity), Route::kSimilarity);
}

TEST(Routes, RefuseWhatTheyAreNot) {
  EXPECT_EQ(framework("POST", "/nothing").status, 404u);
  EXPECT_EQ(framework("POST", "/embed/").status, 404u);
  EXPECT_EQ(framework("GET", "/v1/models").status, 404u);
  using Pairs = std::vector<std::pair<std::string_view, std::string>>;
  EXPECT_EQ(framework("GET", "/embed").status, 405u);
  EXPECT_EQ(framework("GET", "/embed").headers, (Pairs{{"allow", "POST"}}));
  EXPECT_EQ(framework("DELETE", "/info").headers, (Pairs{{"allow", "GET,HEAD"}}));
  EXPECT_EQ(framework("PUT", "/").headers, (Pairs{{"allow", "POST,GET,HEAD"}}));
  EXPECT_EQ(framework("OPTIONS", "/nothing").status, 200u);
}

}  // namespace
}  // namespace tenon::tei
