#pragma once

#include <vector>

#include "host/devices/gpus.h"
#include "host/domain/flavor_rule.h"

namespace tenon::cli {

// The GPUs of this machine, asked from a process of its own; blocks until it answers.
devices::Gpus ask_gpus(std::vector<FlavorRule>);

}  // namespace tenon::cli
