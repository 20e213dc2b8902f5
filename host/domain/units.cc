#include "host/domain/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>

namespace tenon {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 4> kTimes = {{{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}}};
constexpr std::array<Unit, 10> kSizes = {{{"B", 1},
                                          {"kB", 1e3},
                                          {"KB", 1e3},
                                          {"MB", 1e6},
                                          {"GB", 1e9},
                                          {"TB", 1e12},
                                          {"KiB", 1024.0},
                                          {"MiB", 1024.0 * 1024},
                                          {"GiB", 1024.0 * 1024 * 1024},
                                          {"TiB", 1024.0 * 1024 * 1024 * 1024}}};
constexpr double kYear = 365 * 24 * 3600e3;
constexpr double kLargest = 1e18;  // bytes; exact enough and far from overflow

// Number and unit, in the smallest unit; nothing when the text is anything else.
std::optional<double> quantity(std::string_view text, std::span<const Unit> units) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || number < 0 || text.front() == '-') {
    return std::nullopt;
  }
  const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (unit.name == rest) return number * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

Result<milliseconds> parse_duration(std::string_view text) {
  const auto value = quantity(text, kTimes);
  if (!value || *value > kYear || *value != std::floor(*value)) {
    return fail(Code::kInvalid,
                fmt::format("'{}' is no duration: expected a number and ms, s, m or h, such as "
                            "\"30s\", at most a year",
                            text));
  }
  return milliseconds(static_cast<milliseconds::rep>(*value));
}

std::string duration_text(milliseconds time) {
  const auto count = time.count();
  if (count == 0) return "0s";
  if (count % 3'600'000 == 0) return fmt::format("{}h", count / 3'600'000);
  if (count % 60'000 == 0) return fmt::format("{}m", count / 60'000);
  if (count % 1'000 == 0) return fmt::format("{}s", count / 1'000);
  return fmt::format("{}ms", count);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto value = quantity(text, kSizes);
  if (!value || *value > kLargest) {
    return fail(Code::kInvalid,
                fmt::format("'{}' is no size: expected a number and B, kB, MB, GB, TB, KiB, MiB, "
                            "GiB or TiB, such as \"512MiB\"",
                            text));
  }
  return static_cast<std::uint64_t>(*value);
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{}B", bytes);
  double amount = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  return fmt::format("{}{}", std::round(amount * 10) / 10, kUnits[unit]);
}

}  // namespace tenon
