// `tenon metrics` and `tenon logs`: what they ask and how they show it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "host/cli/logs.h"
#include "host/cli/metrics_command.h"
#include "host/cli/prometheus.h"
#include "tests/host/cli/one_answer.h"

namespace tenon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kText = R"(# HELP tenon_requests_total Requests
tenon_requests_total{workspace="default",model="a",environment="production",status="200"} 8
tenon_requests_total{workspace="team",model="b",environment="staging",status="200"} 1
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

TEST(Metrics, OfOneAsATableAndAsTheyAre) {
  const std::string first =
      R"({"items":[{"model":"a","environment":"staging","requests":3}],"next":"a@staging"})";
  const std::string second =
      R"({"items":[{"model":"b","environment":"staging","requests":7,"p50Ms":1.25,)"
      R"("p99Ms":null,"replicas":{"ready":2,"starting":0}}],"next":null})";
  Answers host({http_answer(first), http_answer(second), http_answer(kText),
                http_answer(R"({"error":{"message":"no"}})", "403 No")});
  const Ran table = run(metrics, {"b@staging", "--api", host.url()});
  EXPECT_EQ(table.status, kOk) << table.err;
  EXPECT_THAT(table.out, HasSubstr("MODEL"));
  EXPECT_THAT(table.out, testing::ContainsRegex("\nb +staging +7 +- +1.25 +- +2 "));
  EXPECT_THAT(table.out, Not(HasSubstr("\na ")));
  const Ran text = run(metrics, {"b", "-o", "prometheus", "--api", host.url()});
  EXPECT_EQ(text.out,
            "tenon_requests_total{workspace=\"team\",model=\"b\",environment=\"staging\","
            "status=\"200\"} 1\n");
  EXPECT_EQ(run(metrics, {"--api", host.url()}).status, kRefused);
  host.join();
  EXPECT_THAT(host.requests[1],
              HasSubstr("GET /v0/metrics?limit=1000&environment=staging&after=a%40staging "));
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
