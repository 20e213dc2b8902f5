#pragma once

#include <vector>

#include "host/scheduler/inventory.h"
#include "host/simulator/simulation.h"

namespace tenon::simulator {

// Adds up how much of each flavor's devices is held, and how many have work.
class DeviceUse {
 public:
  DeviceUse(const std::vector<scheduler::Device>&, scheduler::TimePoint begin);

  void held(const scheduler::Inventory&, scheduler::DeviceIndex, scheduler::TimePoint now);
  void busy(scheduler::DeviceIndex, int replicas, scheduler::TimePoint now);  // that begin or end
  void started(const Flavor&);
  std::vector<FlavorUse> result(scheduler::TimePoint end);

 private:
  struct Cell {
    std::size_t flavor = 0;
    double capacity = 0;  // 0: not limited
    double bytes = 0;
    unsigned busy = 0;
    scheduler::TimePoint since;
  };
  struct Sum {
    double capacity = 0, byte_seconds = 0, busy_seconds = 0;
  };
  void settle(Cell&, scheduler::TimePoint now);

  const scheduler::TimePoint begin_;
  std::vector<FlavorUse> uses_;
  std::vector<Sum> sums_;  // of each
  std::vector<Cell> cells_;
};

}  // namespace tenon::simulator
