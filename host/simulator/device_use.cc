#include "host/simulator/device_use.h"

#include <algorithm>

namespace tenon::simulator {

using scheduler::TimePoint;

DeviceUse::DeviceUse(const std::vector<scheduler::Device>& devices, TimePoint begin)
    : begin_(begin) {
  for (const scheduler::Device& device : devices) {
    const auto found = std::ranges::find(uses_, device.flavor, &FlavorUse::flavor);
    const auto index = static_cast<std::size_t>(found - uses_.begin());
    if (found == uses_.end()) {
      uses_.push_back({.flavor = device.flavor});
      sums_.emplace_back();
    }
    ++uses_[index].devices;
    sums_[index].capacity += static_cast<double>(device.bytes);
    cells_.push_back({index, static_cast<double>(device.bytes), 0, 0, begin});
  }
}

void DeviceUse::settle(Cell& cell, TimePoint now) {
  const double seconds = std::chrono::duration<double>(now - cell.since).count();
  cell.since = now;
  Sum& sum = sums_[cell.flavor];
  if (cell.capacity > 0) sum.byte_seconds += cell.bytes * seconds;
  if (cell.busy != 0) sum.busy_seconds += seconds;
}

void DeviceUse::held(const scheduler::Inventory& inventory, scheduler::DeviceIndex d,
                     TimePoint now) {
  settle(cells_[d], now);
  cells_[d].bytes = static_cast<double>(inventory.shelf(d).now.bytes);
}

void DeviceUse::busy(scheduler::DeviceIndex d, int replicas, TimePoint now) {
  settle(cells_[d], now);
  cells_[d].busy += static_cast<unsigned>(replicas);
}

void DeviceUse::started(const Flavor& flavor) {
  ++std::ranges::find(uses_, flavor, &FlavorUse::flavor)->starts;
}

std::vector<FlavorUse> DeviceUse::result(TimePoint end) {
  for (Cell& cell : cells_) settle(cell, end);
  const double seconds = std::chrono::duration<double>(end - begin_).count();
  for (std::size_t i = 0; i < uses_.size() && seconds > 0; ++i) {
    const Sum& sum = sums_[i];
    if (sum.capacity > 0) uses_[i].held = sum.byte_seconds / (sum.capacity * seconds);
    uses_[i].busy = sum.busy_seconds / (uses_[i].devices * seconds);
  }
  std::ranges::sort(uses_, {}, &FlavorUse::flavor);
  return uses_;
}

}  // namespace tenon::simulator
