#include "host/control/control.h"

#include <gtest/gtest.h>

#include "host/control/resource_json.h"

namespace tenon::control {
namespace {

class ControlTest : public ::testing::Test {
 protected:
  EventLoops loops_{1};
  std::optional<std::string> problem_;
  Control control_{loops_,
                   {.metrics = [] { return std::string("metric 1\n"); },
                    .ready = [this] { return problem_; },
                    .api = [](const Request&, const std::shared_ptr<Reply>&) {}}};
};

TEST_F(ControlTest, AnswersHealthAtOnceAndLeavesTheRestToItsDesk) {
  EXPECT_EQ(control_.answer("GET", "/healthz")->status, 200u);
  EXPECT_FALSE(control_.answer("GET", "/metrics"));
  EXPECT_FALSE(control_.answer("GET", "/v0/models"));
  EXPECT_FALSE(control_.answer("PUT", "/v0/anything"));
}

TEST_F(ControlTest, ReadinessSaysWhyNot) {
  EXPECT_EQ(control_.answer("GET", "/readyz")->status, 200u);
  problem_ = "stopping";
  EXPECT_EQ(control_.answer("GET", "/readyz")->status, 503u);
  EXPECT_EQ(control_.answer("GET", "/readyz")->body, "stopping\n");
}

TEST_F(ControlTest, RefusesOtherPathsAndMethods) {
  EXPECT_EQ(control_.answer("GET", "/console/x")->error, api::kRouteNotFound);
  const auto answer = control_.answer("POST", "/healthz");
  EXPECT_EQ(answer->error, api::kMethodNotAllowed);
  EXPECT_EQ(answer->allow, "GET, HEAD");
}

TEST(StatusJsonTest, ShowsAllThatIsKnown) {
  lifecycle::DeploymentStatus status;
  status.key = {"default", "minilm", "production"};
  status.runtime = "tei";
  status.phase = lifecycle::Phase::kDeployed;
  status.replicas_ready = 2;
  status.in_flight = 3;
  status.memory_bytes = 1ULL << 40;
  status.pids = {7, 8};
  status.last_error = "the \"file\" is gone";
  status.load_done = 0.5;
  status.load_stage = "map";
  lifecycle::ColdStart cold;
  cold.stages = {{"queue", std::chrono::microseconds(1500)}};
  cold.total = std::chrono::milliseconds(8);
  cold.from_template = true;
  status.last_cold_start = cold;
  const boost::json::object model = status_json(status);
  EXPECT_EQ(model.at("runtime").as_string(), "tei");
  EXPECT_EQ(model.at("state").as_string(), "DEPLOYED");
  EXPECT_EQ(model.at("replicas").at("ready").to_number<int>(), 2);
  EXPECT_EQ(model.at("inFlight").to_number<int>(), 3);
  EXPECT_EQ(model.at("memoryBytes").to_number<std::int64_t>(), 1LL << 40);
  EXPECT_EQ(model.at("pids").as_array().size(), 2u);
  EXPECT_EQ(model.at("lastError").as_string(), "the \"file\" is gone");
  EXPECT_EQ(model.at("loading").at("stage").as_string(), "map");
  EXPECT_DOUBLE_EQ(model.at("lastColdStart").at("stages").at("queue").as_double(), 1.5);
  EXPECT_DOUBLE_EQ(model.at("lastColdStart").at("totalMs").as_double(), 8);
  EXPECT_EQ(model.at("lastColdStart").at("at").as_string(), "1970-01-01T00:00:00.000Z");
}

TEST(StatusJsonTest, AtRestThereIsNothingToShow) {
  lifecycle::DeploymentStatus status;
  const boost::json::object model = status_json(status);
  EXPECT_TRUE(model.at("lastColdStart").is_null());
  EXPECT_TRUE(model.at("lastError").is_null());
  EXPECT_FALSE(model.contains("loading"));
}

}  // namespace
}  // namespace tenon::control
