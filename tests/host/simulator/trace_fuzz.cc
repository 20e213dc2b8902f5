// Whatever a trace holds: it is read in order, or refused with a line.
#include <algorithm>
#include <cstdlib>

#include "host/simulator/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto trace = tenon::simulator::parse_trace({reinterpret_cast<const char*>(data), size});
  if (!trace) {
    if (trace.error().message.empty()) std::abort();
    return 0;
  }
  using tenon::simulator::Arrival;
  const bool sound = !trace->arrivals.empty() &&
                     std::ranges::is_sorted(trace->arrivals, {}, &Arrival::at) &&
                     trace->arrivals.front().at.count() == 0 &&
                     std::ranges::all_of(trace->arrivals, [&](const Arrival& a) {
                       return a.deployment < trace->names.size() && a.duration.count() >= 0;
                     });
  if (!sound) std::abort();
  return 0;
}
