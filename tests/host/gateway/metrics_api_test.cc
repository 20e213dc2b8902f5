// /v0/metrics and what is below it, as a client sees them.

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/host/gateway/keys_fixture.h"

namespace tenon::testing {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class MetricsApiTest : public ServedKeys {
 protected:
  MetricsApiTest() {
    for (const char* model : {"a", "b", "c"}) {
      metrics_.of({"default", model, "production"})->request(200, 2ms);
    }
    metrics_.of({"default", "b", "development"})->replicas(1, 0);
    metrics_.of({"other", "a", "production"})->request(200, 1ms);
  }

  json::object ask(const std::string& path, unsigned status = 200) {
    const auto answer = client_->ask(get(path, ""));
    EXPECT_EQ(answer->status, status) << answer->body;
    return json::parse(answer->body).as_object();
  }
  // "a@production b@development" of a page.
  static std::string names(const json::object& page) {
    std::string out;
    for (const json::value& item : page.at("items").as_array()) {
      out += (out.empty() ? "" : " ") + std::string(item.at("model").as_string()) + "@" +
             std::string(item.at("environment").as_string());
    }
    return out;
  }
};

TEST_F(MetricsApiTest, OfAWorkspaceInPages) {
  const json::object first = ask("/v0/metrics?limit=2");
  EXPECT_EQ(names(first), "a@production b@development");
  EXPECT_EQ(first.at("next"), "b@development");
  const json::object rest = ask("/v0/metrics?limit=2&after=b@development");
  EXPECT_EQ(names(rest), "b@production c@production");
  EXPECT_TRUE(rest.at("next").is_null());
  EXPECT_EQ(names(ask("/v0/metrics?environment=development")), "b@development");
  const json::value& item = first.at("items").as_array()[0];
  EXPECT_EQ(item.at("requests"), 1);
  EXPECT_GT(item.at("p99Ms").as_double(), 1);
  EXPECT_LE(item.at("p99Ms").as_double(), 2.5);
  EXPECT_TRUE(item.at("coldStartMs").is_null());
}

TEST_F(MetricsApiTest, OfAnEnvironmentAndAModel) {
  EXPECT_EQ(names(ask("/v0/environments/development/metrics")), "b@development");
  ask("/v0/environments/nowhere/metrics", 404);
  ask("/v0/models/a/metrics", 404);  // counted once, but there is no such deployment
}

}  // namespace
}  // namespace tenon::testing
