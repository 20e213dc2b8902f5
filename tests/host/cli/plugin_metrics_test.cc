#include "host/cli/plugin_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using Kind = workers::PluginMetric::Kind;

const DeploymentKey kA{"default", "a", "production"};
const DeploymentKey kB{"default", "b", "production"};

workers::PluginMetric counter(std::string name, double value) {
  workers::PluginMetric metric;
  metric.name = std::move(name);
  metric.help = "Help";
  metric.value = value;
  return metric;
}

workers::PluginMetric histogram(std::vector<std::uint64_t> buckets) {
  workers::PluginMetric metric = counter("te_seconds", 1.5);
  metric.kind = Kind::kHistogram;
  metric.bounds = {0.1, 1};
  metric.buckets = std::move(buckets);
  return metric;
}

std::string page(const PluginMetrics& plugins) {
  telemetry::Metrics metrics;
  metrics.add_collector([&](telemetry::Metrics::Families& out) { out = plugins.families(); });
  return metrics.render();
}

TEST(PluginMetrics, ReplicasOfADeploymentAreAddedUp) {
  PluginMetrics metrics;
  metrics.add(kA, {counter("te_count", 2), histogram({1, 2, 3})});
  metrics.add(kA, {counter("te_count", 3), histogram({1, 0, 1})});
  metrics.add(kB, {counter("te_count", 7)});
  const std::string text = page(metrics);
  EXPECT_THAT(text, HasSubstr("# HELP te_count Help\n# TYPE te_count counter\n"));
  EXPECT_THAT(text, HasSubstr("te_count{workspace=\"default\",model=\"a\",environment="
                              "\"production\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("model=\"b\",environment=\"production\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("te_seconds_bucket{workspace=\"default\",model=\"a\",environment="
                              "\"production\",le=\"1\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("te_seconds_count{workspace=\"default\",model=\"a\",environment="
                              "\"production\"} 8\n"));
}

TEST(PluginMetrics, WhatWouldBreakThePageIsLeftOut) {
  PluginMetrics metrics;
  metrics.add(kA, {counter("", 1), counter("9a", 1), counter("a b", 1), counter("x\ny 1", 1),
                   counter("tenon_requests_total", 1), counter(std::string(300, 'a'), 1),
                   histogram({1}), counter("good", 1)});
  auto forged = counter("helped", 1);
  forged.help = "one\nforged 1";
  metrics.add(kB, {forged});
  const std::string text = page(metrics);
  EXPECT_EQ(std::ranges::count(text, '\n'), 6);
  EXPECT_THAT(text, HasSubstr("# HELP helped one forged 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("tenon_")));
}

TEST(PluginMetrics, TheFirstKindOfANameStays) {
  PluginMetrics metrics;
  auto gauge = counter("te_count", 9);
  gauge.kind = Kind::kGauge;
  metrics.add(kA, {counter("te_count", 1)});
  metrics.add(kA, {gauge});
  metrics.add(kB, {gauge});
  const std::string text = page(metrics);
  EXPECT_THAT(text, HasSubstr("\"production\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("} 9\n")));
}

}  // namespace
}  // namespace tenon::cli
