#pragma once

#include <string>
#include <vector>

#include "host/cli/command.h"
#include "host/devices/cpus.h"
#include "host/devices/gpus.h"
#include "host/domain/flavor_rule.h"

namespace tenon::cli {

// `tenon get devices`
int get_devices(const Arguments&, Streams);

// The GPUs of this machine, asked from a process of its own; blocks until it answers.
devices::Gpus ask_gpus(std::vector<FlavorRule>);

// Rows for people, heads first: the CPUs, then each GPU.
std::vector<std::vector<std::string>> devices_table(const devices::Cpus&, const devices::Gpus&);

}  // namespace tenon::cli
