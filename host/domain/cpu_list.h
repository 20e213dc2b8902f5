#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/domain/error.h"

namespace tenon {

// Numbers of CPUs or memory nodes, ascending, each once.
using CpuList = std::vector<unsigned>;

// "0-3,8", as Linux writes it; "" is an empty list. Numbers below 16384.
Result<CpuList> parse_cpu_list(std::string_view);
std::string to_text(const CpuList&);

}  // namespace tenon
