#include "host/policy/budget.h"

#include <algorithm>

namespace tenon::policy {
namespace {

using std::chrono::months;
using std::chrono::sys_days;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr year_month kFirstMonth = std::chrono::year(1970) / std::chrono::January;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

std::int64_t step_of(const MaxTokens& limits) {
  return std::clamp(limits.step, 1U, MaxTokens::kLongestStep);
}

std::int64_t seconds_of(Granularity granularity) {
  switch (granularity) {
    case Granularity::kMinute:
      return 60;
    case Granularity::kHour:
      return 3'600;
    case Granularity::kDay:
    case Granularity::kMonth:  // not of one length: handled apart
      return 86'400;
  }
  return 86'400;
}

sys_seconds month_begin(std::int64_t months_since_first) {
  return sys_days((kFirstMonth + months(months_since_first)) / 1);
}

}  // namespace

std::int64_t window_number(const MaxTokens& limits, sys_seconds time) {
  if (limits.granularity != Granularity::kMonth) {
    return floor_div(time.time_since_epoch().count(),
                     seconds_of(limits.granularity) * step_of(limits));
  }
  const year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return floor_div((day.year() / day.month() - kFirstMonth).count(), step_of(limits));
}

Window window_at(const MaxTokens& limits, std::int64_t number) {
  if (limits.granularity != Granularity::kMonth) {
    const std::chrono::seconds length(seconds_of(limits.granularity) * step_of(limits));
    const sys_seconds begin(length * number);
    return {begin, begin + length};
  }
  const std::int64_t first = number * step_of(limits);
  return {month_begin(first), month_begin(first + step_of(limits))};
}

Window window_of(const MaxTokens& limits, sys_seconds time) {
  return window_at(limits, window_number(limits, time));
}

std::string_view to_string(TokenLimit limit) {
  switch (limit) {
    case TokenLimit::kInput:
      return "input";
    case TokenLimit::kOutput:
      return "output";
    case TokenLimit::kTotal:
      return "total";
  }
  return "total";
}

std::uint64_t limit_of(const MaxTokens& limits, TokenLimit limit) {
  switch (limit) {
    case TokenLimit::kInput:
      return limits.input;
    case TokenLimit::kOutput:
      return limits.output;
    case TokenLimit::kTotal:
      return limits.total;
  }
  return 0;
}

std::optional<TokenLimit> reached(const MaxTokens& limits, const Spent& spent) {
  if (limits.input != 0 && spent.input >= limits.input) return TokenLimit::kInput;
  if (limits.output != 0 && spent.output >= limits.output) return TokenLimit::kOutput;
  if (limits.total != 0 && spent.input + spent.output >= limits.total) return TokenLimit::kTotal;
  return std::nullopt;
}

}  // namespace tenon::policy
