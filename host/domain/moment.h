#pragma once

#include <chrono>
#include <string>

namespace tenon {

// "2026-11-24T16:13:28.003Z", as logs and answers write a time.
std::string utc_text(std::chrono::system_clock::time_point);

}  // namespace tenon
