#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "host/domain/policy.h"

// The rules of token budgets: when a window begins and ends, and when it is spent.
namespace tenon::policy {

using std::chrono::sys_seconds;

struct Window {
  sys_seconds begin, end;  // [begin, end)

  auto operator<=>(const Window&) const = default;
};

// Windows follow each other without a gap, in UTC. Those of minutes, hours and days are counted
// from 1970-01-01T00:00, those of months from January 1970: with a step of 3 months they are the
// quarters of the calendar, with 12 its years. A step lies within 1 and kLongestStep.
std::int64_t window_number(const MaxTokens&, sys_seconds);
Window window_at(const MaxTokens&, std::int64_t number);
Window window_of(const MaxTokens&, sys_seconds);

struct Spent {
  std::uint64_t input = 0;
  std::uint64_t output = 0;

  auto operator<=>(const Spent&) const = default;
};

enum class TokenLimit : std::uint8_t { kInput, kOutput, kTotal };
std::string_view to_string(TokenLimit);  // "total"
std::uint64_t limit_of(const MaxTokens&, TokenLimit);

// The first limit that is used up. The request that does so was served; none after it is, until the
// window ends.
std::optional<TokenLimit> reached(const MaxTokens&, const Spent&);

}  // namespace tenon::policy
