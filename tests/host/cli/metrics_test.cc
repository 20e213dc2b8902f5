// `tenon metrics` and `tenon logs`: what they ask and how they show it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <limits>

#include "host/cli/logs.h"
#include "host/cli/metrics_command.h"
#include "host/cli/prometheus.h"
#include "tests/host/cli/one_answer.h"

namespace tenon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

constexpr std::string_view kText = R"(# HELP tenon_requests_total Requests
tenon_requests_total{workspace="default",model="a",environment="production",status="200"} 8
tenon_requests_total{workspace="default",model="a",environment="production",status="503"} 2
tenon_requests_total{workspace="team",model="b",environment="staging",status="200"} 1
tenon_request_duration_seconds_bucket{workspace="default",model="a",environment="production",le="0.01"} 5
tenon_request_duration_seconds_bucket{workspace="default",model="a",environment="production",le="0.1"} 10
tenon_request_duration_seconds_bucket{workspace="default",model="a",environment="production",le="+Inf"} 10
tenon_cold_start_seconds_count{workspace="default",model="a",environment="production",stage="fork"} 2
tenon_cold_start_seconds_sum{workspace="default",model="a",environment="production",stage="fork"} 0.02
tenon_cold_start_seconds_count{workspace="default",model="a",environment="production",stage="map"} 2
tenon_cold_start_seconds_sum{workspace="default",model="a",environment="production",stage="map"} 0.04
tenon_replicas{workspace="default",model="a",environment="production",state="ready"} 3
tenon_tokens_total{workspace="default",model="a",environment="production",direction="input"} 7
tenon_connections 4
)";

TEST(Prometheus, LinesAreReadWithTheirLabels) {
  const auto samples =
      read_samples("a 1\n# a 2\nb{x=\"1\\\"\\\\\",y=\"\"} 2.5e3\nnonsense{\nc{x} 1\n\n");
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].name, "a");
  EXPECT_EQ(samples[1].label("x"), "1\"\\");
  EXPECT_EQ(samples[1].value, 2500);
  EXPECT_EQ(samples[1].label("z"), "");
}

TEST(Prometheus, QuantilesLieWithinTheirBuckets) {
  const Buckets buckets = {{1, 5}, {2, 10}, {kInfinite, 10}};
  EXPECT_DOUBLE_EQ(quantile(buckets, 0.5), 1);
  EXPECT_DOUBLE_EQ(quantile(buckets, 0.25), 0.5);
  EXPECT_DOUBLE_EQ(quantile(buckets, 0.9), 1.8);
  EXPECT_DOUBLE_EQ(quantile({{1, 0}, {kInfinite, 3}}, 0.5), 1);
  EXPECT_DOUBLE_EQ(quantile({}, 0.5), 0);
}

TEST(Metrics, AddUpByDeployment) {
  const auto all = deployments_in(kText, "", "", "");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].at("requests"), 10);
  EXPECT_EQ(all[0].at("failed"), 2);
  EXPECT_EQ(all[0].at("p50Ms").as_double(), 10);
  EXPECT_EQ(all[0].at("p99Ms").as_double(), 98.2);
  EXPECT_EQ(all[0].at("coldStarts"), 2);
  EXPECT_EQ(all[0].at("coldStartMs").as_double(), 30);
  EXPECT_EQ(all[0].at_pointer("/replicas/ready"), 3);
  EXPECT_TRUE(all[1].at("p50Ms").is_null());
  EXPECT_EQ(deployments_in(kText, "team", "", "").size(), 1u);
  EXPECT_EQ(deployments_in(kText, "", "b", "production").size(), 0u);
}

TEST(Metrics, OfOneAsATableAndAsTheyAre) {
  Answers host({http_answer(kText), http_answer(kText),
                http_answer(R"({"error":{"message":"no"}})", "403 No")});
  const Ran table = run(metrics, {"b@staging", "--api", host.url()});
  EXPECT_EQ(table.status, kOk) << table.err;
  EXPECT_THAT(table.out, HasSubstr("WORKSPACE"));
  EXPECT_THAT(table.out, HasSubstr("\nteam"));
  EXPECT_THAT(table.out, Not(HasSubstr("\ndefault")));
  const Ran text = run(metrics, {"b", "-o", "prometheus", "--api", host.url()});
  EXPECT_EQ(text.out,
            "tenon_requests_total{workspace=\"team\",model=\"b\",environment=\"staging\","
            "status=\"200\"} 1\n");
  EXPECT_EQ(run(metrics, {"--api", host.url()}).status, kRefused);
  EXPECT_EQ(run(metrics, {"-o", "toml"}).status, kBadUsage);
  EXPECT_EQ(run(metrics, {"a@b", "-e", "c"}).status, kBadUsage);
}

constexpr std::string_view kLine =
    R"({"time":"2026-11-28T10:00:00.000Z","level":"info","text":"replica ready pid=7"})";

TEST(Logs, AreLinesOfText) {
  Answers host({http_answer("{\"items\":[" + std::string(kLine) + "],\"next\":null}")});
  const Ran ran = run(logs, {"a@staging", "--tail", "5", "--api", host.url()});
  EXPECT_EQ(ran.out, "2026-11-28T10:00:00.000Z info  replica ready pid=7\n") << ran.err;
  host.join();
  EXPECT_THAT(host.requests[0], HasSubstr("GET /v0/models/a/logs?environment=staging&tail=5 "));
  EXPECT_EQ(run(logs, {}).status, kBadUsage);
  EXPECT_EQ(run(logs, {"a", "-o", "xml"}).status, kBadUsage);
}

TEST(Logs, FollowedOnceThoughTheStreamBeginsAgain) {
  const std::string line = "event: line\ndata: " + std::string(kLine) + "\n\n";
  std::string later = line;
  later.replace(later.find("00.000Z"), 7, "01.000Z");
  const std::string synced = "event: synced\ndata: {}\n\n";
  Answers host({http_answer(line + line + synced), http_answer(line + line + synced + later),
                http_answer(R"({"error":{"message":"gone"}})", "404 No")});
  const Ran ran = run(logs, {"-f", "a", "-o", "json", "--api", host.url()});
  EXPECT_EQ(ran.status, kRefused);
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 3);  // two at the same moment, and the later one
  host.join();
  EXPECT_THAT(host.requests[0], HasSubstr("&follow=true "));
}

}  // namespace
}  // namespace tenon::cli
