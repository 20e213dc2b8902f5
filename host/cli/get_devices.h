#pragma once

#include <string>
#include <vector>

#include "host/cli/command.h"
#include "host/devices/cpus.h"
#include "host/devices/gpus.h"

namespace tenon::cli {

// `tenon get devices`
int get_devices(const Arguments&, Streams);

// Rows for people, heads first: the CPUs, then each GPU.
std::vector<std::vector<std::string>> devices_table(const devices::Cpus&, const devices::Gpus&);

}  // namespace tenon::cli
