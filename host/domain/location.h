#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "host/domain/error.h"

namespace tenon {

// A place where hosts run; it lies in one country, which lies in one continent. Codes are lower
// case: {"portland", "us", "na"}.
struct Location {
  std::string name;
  std::string country;
  std::string continent;

  auto operator<=>(const Location&) const = default;
};

enum class LocationScope : std::uint8_t { kLocation, kCountry, kContinent };

// What a policy names: a place, or every place in a country or continent.
struct LocationRef {
  LocationScope scope = LocationScope::kLocation;
  std::string name;

  auto operator<=>(const LocationRef&) const = default;
};

std::string_view to_string(LocationScope);  // "continent"
std::string to_string(const LocationRef&);  // "continent/eu"
bool covers(const LocationRef&, const Location&);

// "SCOPE/NAME", in either case. Whether there is such a place is not its matter.
Result<LocationRef> parse_location_ref(std::string_view);

}  // namespace tenon
