#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "host/domain/error.h"

namespace tenon {

// "2026-11-24T16:13:28.003Z", as logs and answers write a time.
std::string utc_text(std::chrono::system_clock::time_point);

// The same, with or without fractions of a second; or a date alone: its begin.
Result<std::chrono::system_clock::time_point> parse_utc(std::string_view);

}  // namespace tenon
