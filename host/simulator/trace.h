#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/error.h"

// Requests as they came, or as they may come. docs/operators.md tells the format.
namespace tenon::simulator {

using std::chrono::microseconds;

struct Arrival {
  microseconds at{};             // since the first one
  std::uint64_t number = 0;      // in the order of writing
  std::uint32_t deployment = 0;  // of the trace's names
  microseconds duration{};       // 0: not told
  std::uint64_t tokens = 0;      // 0: not told
};

struct Trace {
  std::vector<std::string> names;  // of deployments: "minilm", "minilm@staging"
  std::vector<Arrival> arrivals;   // in the order of time
};

// Of a CSV text whose first line names its columns, or of one JSON object on each line. The error
// names the line.
Result<Trace> parse_trace(std::string_view text);

}  // namespace tenon::simulator
