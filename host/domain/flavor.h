#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "host/domain/error.h"

namespace tenon {

enum class FlavorType : std::uint8_t { kCpu, kGpu };

// A hardware type: "cpu/x86", "gpu/h100", "gpu/h100-1g.10gb". Names are lower case.
struct Flavor {
  FlavorType type = FlavorType::kCpu;
  std::string name;

  auto operator<=>(const Flavor&) const = default;
};

std::string_view to_string(FlavorType);  // "cpu"
std::string to_string(const Flavor&);    // "cpu/x86"

// "TYPE/NAME", in either case. Whether such hardware exists is not its matter.
Result<Flavor> parse_flavor(std::string_view);

}  // namespace tenon
