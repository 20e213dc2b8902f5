#include "host/domain/moment.h"

#include <fmt/chrono.h>

namespace tenon {

std::string utc_text(std::chrono::system_clock::time_point when) {
  const auto second = std::chrono::floor<std::chrono::seconds>(when);
  const auto milli = std::chrono::floor<std::chrono::milliseconds>(when - second).count();
  const auto utc = fmt::gmtime(std::chrono::system_clock::to_time_t(second));
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", utc, milli);
}

}  // namespace tenon
