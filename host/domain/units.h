#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "host/domain/deployment.h"
#include "host/domain/error.h"

// Quantities as people write them.
namespace tenon {

// "250ms", "30s", "1.5m", "2h"; at most a year.
Result<milliseconds> parse_duration(std::string_view);
// The shortest text that parse_duration() reads back: "90s", "1h".
std::string duration_text(milliseconds);

// "512MiB", "12GB", "1.5GiB", "4096B"; bytes. kB, MB, GB, TB are powers of 1000, KiB, MiB, GiB, TiB
// powers of 1024.
Result<std::uint64_t> parse_size(std::string_view);

// "356.5MiB": as parse_size() reads it, to a tenth of the largest unit that fits.
std::string size_text(std::uint64_t bytes);

}  // namespace tenon
