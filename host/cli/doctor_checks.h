#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/devices/cpus.h"
#include "host/devices/gpus.h"
#include "host/domain/host_spec.h"

// What this machine has of what a host can use. Each function looks at one thing, changes nothing
// and may block for milliseconds.
namespace tenon::cli {

struct Finding {
  enum class State : std::uint8_t {
    kOk,
    kMissing,  // a host serves without it
    kWrong,    // a host does not serve
  };
  State state = State::kOk;
  std::string what;   // "Landlock"
  std::string found;  // one line
  std::string costs;  // what its absence means; "" when all is there
};

Finding check_processor(const devices::Cpus&);
Finding check_landlock(int version);  // 0: none
Finding check_seccomp();
Finding check_memory_groups();
Finding check_descriptors(unsigned connections);  // that the host shall hold
Finding check_worker(const std::string& program_folder);
Finding check_plugins(const std::vector<std::string>& folders);
Finding check_manifests(const std::string& config);  // its path
Finding check_data(const std::string& folder);       // absolute
Finding check_address(const ListenAddress&);
Finding check_gpus(const devices::Gpus&);
Finding check_docker(const std::string& socket);

}  // namespace tenon::cli
