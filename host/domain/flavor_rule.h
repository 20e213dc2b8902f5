#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "host/domain/flavor.h"

namespace tenon {

// What an operator calls certain GPUs: a [[flavor]] table.
struct FlavorRule {
  std::string match;        // of the device's name: "NVIDIA H100*"; * any letters, ? one, any case
  std::uint64_t least = 0;  // bytes of its memory, both ends included
  std::uint64_t most = ~std::uint64_t{0};
  Flavor flavor;
  bool operator==(const FlavorRule&) const = default;
};

// The flavor of a GPU by the name that its driver gives it and its memory: the first rule that
// matches, else the built-in code ("NVIDIA A100-SXM4-80GB" is a100-80gb), else the name itself in
// the form of a code. A MIG slice, "NVIDIA H100 80GB HBM3 MIG 1g.10gb", is h100-1g.10gb.
Flavor flavor_of(std::string_view name, std::uint64_t bytes, std::span<const FlavorRule> rules);

// "cpu/x86" or "cpu/arm64", for the machine's architecture as `uname -m` says it.
Flavor cpu_flavor(std::string_view architecture);

}  // namespace tenon
