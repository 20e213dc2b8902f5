#pragma once

#include <string>
#include <vector>

#include "host/domain/host_spec.h"

namespace tenon::config {

// What a reload changes of the host itself.
struct Changes {
  bool logs = false;                 // [host.logs]
  bool capacity = false;             // replicas or memory in [host.limits]
  std::vector<std::string> restart;  // keys whose change waits for a restart: "host.listen"
  bool operator==(const Changes&) const = default;
};

Changes changes(const Config& before, const Config& after);

// The configuration that is in force after a reload: `after`, but for what waits for a restart.
Config in_force(const Config& before, Config after);

}  // namespace tenon::config
