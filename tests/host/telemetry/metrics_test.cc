#include "host/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tenon::telemetry {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

const DeploymentKey kA{"default", "a", "production"};
const DeploymentKey kB{"default", "b", "production"};
constexpr const char* kLabelsOfA = "workspace=\"default\",model=\"a\",environment=\"production\"";

std::string of_a(std::string_view name, std::string_view more, std::string_view value) {
  return std::string(name) + "{" + kLabelsOfA + std::string(more) + "} " + std::string(value) +
         "\n";
}

TEST(Metrics, ADeploymentAtRestShowsNothing) {
  Metrics metrics;
  metrics.of(kA);
  EXPECT_EQ(metrics.render(), "");
}

TEST(Metrics, RequestsAreCountedByStatusAndTimed) {
  Metrics metrics;
  const auto a = metrics.of(kA);
  a->request(200, 3ms);
  a->request(200, 100ms);
  a->request(503, 2min);
  metrics.of(kB)->request(404, 1us);
  const std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr("# TYPE tenon_requests_total counter\n"));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_requests_total", ",status=\"200\"", "2")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_requests_total", ",status=\"503\"", "1")));
  EXPECT_THAT(text, Not(HasSubstr(of_a("tenon_requests_total", ",status=\"404\"", "1"))));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_request_duration_seconds_count", "", "3")));
  EXPECT_THAT(text,
              HasSubstr(of_a("tenon_request_duration_seconds_bucket", ",le=\"0.0025\"", "0")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_request_duration_seconds_bucket", ",le=\"0.005\"", "1")));
  // A bound is inclusive.
  EXPECT_THAT(text, HasSubstr(of_a("tenon_request_duration_seconds_bucket", ",le=\"0.1\"", "2")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_request_duration_seconds_bucket", ",le=\"60\"", "2")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_request_duration_seconds_bucket", ",le=\"+Inf\"", "3")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_request_duration_seconds_sum", "", "120.103")));
}

TEST(Metrics, ColdStartsAreTimedByStage) {
  Metrics metrics;
  metrics.of(kA)->cold_start(Stage::kMap, 40ms);
  const std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr(of_a("tenon_cold_start_seconds_count", ",stage=\"map\"", "1")));
  EXPECT_THAT(text, Not(HasSubstr("stage=\"fork\"")));
}

TEST(Metrics, EachOtherSeriesAppearsWithItsFirstUse) {
  Metrics metrics;
  const auto a = metrics.of(kA);
  a->queue_depth(0);
  a->replicas(2, 1);
  a->worker_memory(5'000'000);
  a->cancelled();
  a->retried();
  a->replica_ended_badly();
  a->tokens(7, 0);
  const std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr(of_a("tenon_queue_depth", "", "0")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_replicas", ",state=\"ready\"", "2")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_replicas", ",state=\"starting\"", "1")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_worker_memory_bytes", "", "5000000")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_cancelled_requests_total", "", "1")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_retried_requests_total", "", "1")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_replica_failures_total", "", "1")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_tokens_total", ",direction=\"input\"", "7")));
  EXPECT_THAT(text, Not(HasSubstr("direction=\"output\"")));
}

TEST(Metrics, ManyStatusesAreStillAllCounted) {
  Metrics metrics;
  const auto a = metrics.of(kA);
  for (unsigned status = 400; status < 430; ++status) a->request(status, 1ms);
  const std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr(of_a("tenon_requests_total", ",status=\"400\"", "1")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_requests_total", ",status=\"other\"", "15")));
}

TEST(Metrics, AddUpForPeople) {
  Metrics metrics;
  const auto of = metrics.of({"w", "m", "production"});
  const auto nothing = of->totals();
  EXPECT_EQ(nothing.requests, 0u);
  EXPECT_EQ(nothing.queued, 0u);
  EXPECT_FALSE(nothing.p50_seconds || nothing.cold_start_seconds);
  for (int i = 0; i < 98; ++i) of->request(200, 70us);
  of->request(503, 30ms);
  of->request(429, 1h);
  of->cold_start(Stage::kFork, 1ms);
  of->cold_start(Stage::kMap, 8ms);
  of->replicas(2, 1);
  of->tokens(5, 6);
  const auto totals = of->totals();
  EXPECT_EQ(totals.requests, 100u);
  EXPECT_EQ(totals.failed, 1u);
  EXPECT_EQ(totals.ready + totals.starting, 3u);
  EXPECT_EQ(totals.input_tokens + totals.output_tokens, 11u);
  EXPECT_EQ(totals.cold_starts, 1u);
  EXPECT_DOUBLE_EQ(*totals.cold_start_seconds, 0.009);
  EXPECT_GT(*totals.p50_seconds, 0);
  EXPECT_LE(*totals.p50_seconds, 0.0001);
  EXPECT_GT(*totals.p99_seconds, 0.025);
  EXPECT_LE(*totals.p99_seconds, 0.05);
}

TEST(Metrics, ArePassedOverInTheOrderOfTheirKeys) {
  Metrics metrics;
  for (const char* name : {"c", "a", "b"}) metrics.of({"w", name, "production"});
  std::string seen;
  metrics.each_after({"w", "a", "production"},
                     [&](const DeploymentKey& key, const DeploymentMetrics&) {
                       seen += key.model;
                       return seen.size() < 2;
                     });
  EXPECT_EQ(seen, "bc");
}

TEST(Metrics, ForgottenDeploymentsDisappearWhileTheirHoldersGoOn) {
  Metrics metrics;
  const auto a = metrics.of(kA);
  a->request(200, 1ms);
  metrics.forget(kA);
  a->request(200, 1ms);
  EXPECT_EQ(metrics.render(), "");
}

TEST(Metrics, HostValuesAndCollectorsAreShown) {
  Metrics metrics;
  metrics.gauge("tenon_connections", "Open connections") = 3;
  metrics.counter("tenon_connections_total", "Connections accepted") += 5;
  for (double value : {1.0, 2.0}) {
    metrics.add_collector([value](Metrics::Families& families) {
      prometheus::MetricFamily family{
          "te_count", "From a plugin", prometheus::MetricType::Counter, {}};
      family.metric.emplace_back().counter.value = value;
      families.push_back(family);
    });
  }
  const std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr("tenon_connections 3\n"));
  EXPECT_THAT(text, HasSubstr("tenon_connections_total 5\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE te_count counter\nte_count 1\nte_count 2\n"));
}

TEST(Metrics, NothingIsLostBetweenThreads) {
  Metrics metrics;
  const auto a = metrics.of(kA);
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {  // more threads than shards
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        a->request(i % 2 ? 200 : 503, 1ms);
        a->cold_start(Stage::kFork, 1ms);
      }
    });
  }
  for (int i = 0; i < 20; ++i) metrics.render();
  for (auto& thread : threads) thread.join();
  const std::string text = metrics.render();
  EXPECT_THAT(text, HasSubstr(of_a("tenon_requests_total", ",status=\"200\"", "6000")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_requests_total", ",status=\"503\"", "6000")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_request_duration_seconds_count", "", "12000")));
  EXPECT_THAT(text, HasSubstr(of_a("tenon_cold_start_seconds_count", ",stage=\"fork\"", "12000")));
}

}  // namespace
}  // namespace tenon::telemetry
