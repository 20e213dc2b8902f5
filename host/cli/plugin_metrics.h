#pragma once

#include "host/domain/deployment.h"
#include "host/telemetry/metrics.h"
#include "host/workers/replica.h"

#include <map>
#include <string>
#include <vector>

namespace tenon::cli {

// What plugins measure, as families of /metrics. Replicas of one deployment are added up. Names and
// texts come from workers: what Prometheus would not take is left out.
class PluginMetrics {
 public:
  void add(const DeploymentKey&, std::vector<workers::PluginMetric>);
  telemetry::Metrics::Families families() const;

 private:
  struct Series {
    std::string name;
    DeploymentKey key;
    auto operator<=>(const Series&) const = default;
  };
  std::map<Series, workers::PluginMetric> sums_;
};

}  // namespace tenon::cli
