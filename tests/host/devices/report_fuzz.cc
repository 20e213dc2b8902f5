#include <cstdint>
#include <cstdlib>

#include "host/devices/report.h"

// Any bytes are a report, which then reads the same again, or an error in words.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenon::devices;
  const auto report = parse_report({reinterpret_cast<const char*>(data), size});
  if (!report) {
    if (report.error().message.empty()) std::abort();
    return 0;
  }
  if (report->gpus.size() > kMostGpus || report->slices.size() > kMostSlices) std::abort();
  const auto again = parse_report(encode(*report));
  if (!again || *again != *report) std::abort();
  return 0;
}
