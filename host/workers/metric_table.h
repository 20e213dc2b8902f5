#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/domain/error.h"
#include "host/workers/replica.h"
#include "host/workers/shared_region.h"

namespace tenon::workers {

struct MetricDefinition {
  PluginMetric::Kind kind = PluginMetric::Kind::kCounter;
  std::string name;
  std::string help;
  std::vector<double> bounds;
};

// The metrics of one replica: definitions here, values in cells that both sides share. Cells are
// handed out in the order of definition, so that both sides agree without telling each other. The
// owner sees that define() never runs beside another call but record() of earlier metrics.
class MetricTable {
 public:
  static constexpr std::size_t kMaxMetrics = 256;
  static constexpr std::size_t kMaxBounds = 64;

  // The metric's number from 1 on; the error names the rule that the definition breaks.
  Result<std::uint32_t> define(const MetricDefinition&);
  // [any, lock-free] Unknown numbers and values that are not finite record nothing.
  void record(SharedState&, std::uint32_t metric, double value) const;
  // Values as they stand; what is not a sensible number reads as 0.
  std::vector<PluginMetric> read(const SharedState&) const;

 private:
  struct Entry {
    MetricDefinition definition;
    std::uint32_t cell = 0;
  };
  std::array<Entry, kMaxMetrics> entries_;
  std::atomic<std::uint32_t> count_{0};
  std::uint32_t cells_ = 0;
};

}  // namespace tenon::workers
