#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/flavor.h"
#include "host/domain/location.h"

namespace tenon {

enum class PolicyType : std::uint8_t { kLocation, kFlavor, kMaxToken };
std::string_view to_string(PolicyType);  // "maxToken"

enum class Granularity : std::uint8_t { kMinute, kHour, kDay, kMonth };
std::string_view to_string(Granularity);  // "minute"

// How many tokens may be spent in one window of `step` granularities; 0: not limited.
struct MaxTokens {
  static constexpr unsigned kLongestStep = 1'000;

  Granularity granularity = Granularity::kDay;
  unsigned step = 1;  // 1 to kLongestStep
  std::uint64_t input = 0;
  std::uint64_t output = 0;
  std::uint64_t total = 0;

  auto operator<=>(const MaxTokens&) const = default;
};

// All that is allowed of one aspect, its type: only that type's field is filled.
struct Policy {
  std::string name;
  PolicyType type = PolicyType::kLocation;
  std::vector<LocationRef> locations{};
  std::vector<Flavor> flavors{};
  MaxTokens max_tokens{};

  bool operator==(const Policy&) const = default;
};

}  // namespace tenon
