#include "host/domain/moment.h"

#include <fmt/chrono.h>

#include <charconv>
#include <cstdint>
#include <optional>

namespace tenon {

namespace {

// The number of exactly these digits, which are taken off with what has to follow them.
std::optional<int> take(std::string_view& text, std::size_t digits, std::string_view then) {
  int value = 0;
  if (text.size() < digits + then.size()) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  const bool whole = error == std::errc() && end == text.data() + digits && value >= 0;
  if (!whole || text.substr(digits, then.size()) != then) return std::nullopt;
  text.remove_prefix(digits + then.size());
  return value;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take(text, 4, "-");
  const auto month = year ? take(text, 2, "-") : std::nullopt;
  const auto day = month ? take(text, 2, "") : std::nullopt;
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)});
  const bool fits = *year >= 1970 && *year < 2200;  // the clock counts nanoseconds in 64 bits
  return fits && date.ok() ? std::optional(std::chrono::sys_days(date)) : std::nullopt;
}

// "T16:13:28.003Z"
std::optional<std::chrono::milliseconds> take_time(std::string_view text) {
  if (!text.starts_with('T')) return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take(text, 2, ":");
  const auto minute = hour ? take(text, 2, ":") : std::nullopt;
  const auto second = minute ? take(text, 2, "") : std::nullopt;
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  int milli = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const auto fraction = take(text, 3, "");
    if (!fraction) return std::nullopt;
    milli = *fraction;
  }
  if (text != "Z") return std::nullopt;
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second) +
         std::chrono::milliseconds(milli);
}

}  // namespace

Result<std::chrono::system_clock::time_point> parse_utc(std::string_view text) {
  std::string_view rest = text;
  const auto date = take_date(rest);
  const auto time = rest.empty() ? std::optional(std::chrono::milliseconds(0)) : take_time(rest);
  if (date && time) return std::chrono::system_clock::time_point(*date) + *time;
  return fail(Code::kInvalid,
              fmt::format("expected a time in UTC, as 2026-11-24T16:00:00Z or 2026-11-24, found "
                          "'{}'",
                          text));
}

std::string utc_text(std::chrono::system_clock::time_point when) {
  const auto second = std::chrono::floor<std::chrono::seconds>(when);
  const auto milli = std::chrono::floor<std::chrono::milliseconds>(when - second).count();
  const auto utc = fmt::gmtime(std::chrono::system_clock::to_time_t(second));
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", utc, milli);
}

}  // namespace tenon
