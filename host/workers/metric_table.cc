#include "host/workers/metric_table.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tenon::workers {
namespace {

using Cell = std::atomic<std::uint64_t>;

void add(Cell& cell, double value) {
  std::uint64_t old = cell.load(std::memory_order_relaxed);
  while (!cell.compare_exchange_weak(
      old, std::bit_cast<std::uint64_t>(std::bit_cast<double>(old) + value),
      std::memory_order_relaxed)) {
  }
}

double number(const Cell& cell) {
  const double value = std::bit_cast<double>(cell.load(std::memory_order_relaxed));
  return std::isfinite(value) ? value : 0;
}

bool is_metric_name(std::string_view name) {
  if (name.empty() || name.size() > 100 || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

Result<std::uint32_t> MetricTable::define(const MetricDefinition& definition) {
  const std::uint32_t count = count_.load(std::memory_order_relaxed);
  if (!is_metric_name(definition.name)) {
    return fail(Code::kInvalid, "a metric's name that is not snake_case of 1 to 100 characters");
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (entries_[i].definition.name == definition.name) {
      return fail(Code::kInvalid, "the metric " + definition.name + " is defined twice");
    }
  }
  const bool histogram = definition.kind == PluginMetric::Kind::kHistogram;
  const auto& bounds = definition.bounds;
  const auto rises = [](double a, double b) { return !(a < b); };
  if (bounds.size() > kMaxBounds || histogram == bounds.empty() ||
      !std::ranges::all_of(bounds, [](double b) { return std::isfinite(b); }) ||
      std::ranges::adjacent_find(bounds, rises) != bounds.end()) {
    return fail(Code::kInvalid, "the metric " + definition.name +
                                    " has bounds that are not 1 to 64 rising numbers of a "
                                    "histogram");
  }
  const auto cells = static_cast<std::uint32_t>(histogram ? bounds.size() + 2 : 1);
  if (count == kMaxMetrics || cells_ + cells > kMaxMetricCells) {
    return fail(Code::kExhausted, "more metrics than the host keeps for a replica");
  }
  entries_[count] = {definition, cells_};
  cells_ += cells;
  count_.store(count + 1, std::memory_order_release);
  return count + 1;
}

void MetricTable::record(SharedState& state, std::uint32_t metric, double value) const {
  if (metric == 0 || metric > count_.load(std::memory_order_acquire) || !std::isfinite(value)) {
    return;
  }
  const Entry& entry = entries_[metric - 1];
  Cell* cells = &state.cells[entry.cell];
  switch (entry.definition.kind) {
    case PluginMetric::Kind::kCounter:
      if (value > 0) add(cells[0], value);
      break;
    case PluginMetric::Kind::kGauge:
      cells[0].store(std::bit_cast<std::uint64_t>(value), std::memory_order_relaxed);
      break;
    case PluginMetric::Kind::kHistogram: {
      const auto& bounds = entry.definition.bounds;
      const auto bucket = std::ranges::lower_bound(bounds, value) - bounds.begin();
      add(cells[0], value);
      cells[1 + bucket].fetch_add(1, std::memory_order_relaxed);
      break;
    }
  }
}

std::vector<PluginMetric> MetricTable::read(const SharedState& state) const {
  std::vector<PluginMetric> out;
  const std::uint32_t count = count_.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto& [definition, cell] = entries_[i];
    PluginMetric metric{.kind = definition.kind,
                        .name = definition.name,
                        .help = definition.help,
                        .value = number(state.cells[cell]),
                        .bounds = definition.bounds,
                        .buckets = {}};
    for (std::size_t b = 0; b <= definition.bounds.size() && !definition.bounds.empty(); ++b) {
      metric.buckets.push_back(state.cells[cell + 1 + b].load(std::memory_order_relaxed));
    }
    out.push_back(std::move(metric));
  }
  return out;
}

}  // namespace tenon::workers
