#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/domain/deployment.h"
#include "host/domain/flavor.h"
#include "host/scheduler/inventory.h"

// A machine that does not exist, and what shall run on it.
namespace tenon::simulator {

// What a real host learns by itself: a [[workload]] table.
struct Workload {
  milliseconds load{5'000};         // of a replica
  milliseconds request{100};        // of a request whose trace tells nothing
  unsigned tokens_per_second = 0;   // of a request whose trace tells its tokens; 0: not known
  unsigned at_once = 0;             // requests that a replica serves; 0: as its scale aims at
  std::uint64_t memory = 0;         // of a replica, on the node
  std::uint64_t device_memory = 0;  // … on each device; 0: the whole device
};

struct Subject {
  DeploymentKey key;
  Scale scale;
  DeploymentLimits limits;
  std::vector<Flavor> flavors;             // that its policies allow; empty: any CPU
  std::optional<std::string> forbidden{};  // why policies let it run nowhere
  unsigned devices = 1;
  Workload workload;
};

struct Scenario {
  std::vector<scheduler::Device> devices;
  std::vector<Subject> subjects;
};

struct SourceFile {
  std::string path;
  std::string text;
};

// From files that hold [[node]], [[workload]], a host's tables and its resources, in any order. The
// error has one line for each mistake.
Result<Scenario> read_scenario(std::span<const SourceFile>);

}  // namespace tenon::simulator
