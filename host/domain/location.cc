#include "host/domain/location.h"

#include <fmt/format.h>

#include "host/domain/code_name.h"

namespace tenon {

std::string_view to_string(LocationScope scope) {
  switch (scope) {
    case LocationScope::kLocation:
      return "location";
    case LocationScope::kCountry:
      return "country";
    case LocationScope::kContinent:
      return "continent";
  }
  return "location";
}

std::string to_string(const LocationRef& ref) {
  return fmt::format("{}/{}", to_string(ref.scope), ref.name);
}

bool covers(const LocationRef& ref, const Location& location) {
  switch (ref.scope) {
    case LocationScope::kLocation:
      return ref.name == location.name;
    case LocationScope::kCountry:
      return ref.name == location.country;
    case LocationScope::kContinent:
      return ref.name == location.continent;
  }
  return false;
}

Result<LocationRef> parse_location_ref(std::string_view text) {
  const std::string lower = lower_case(text);
  const std::string_view whole = lower;
  const auto slash = whole.find('/');
  if (slash != whole.npos && is_valid_code(whole.substr(slash + 1))) {
    for (const auto scope :
         {LocationScope::kLocation, LocationScope::kCountry, LocationScope::kContinent}) {
      if (whole.substr(0, slash) == to_string(scope)) {
        return LocationRef{scope, std::string(whole.substr(slash + 1))};
      }
    }
  }
  return fail(Code::kInvalid,
              fmt::format("'{}' is no place: expected \"location/NAME\", \"country/CODE\" or "
                          "\"continent/CODE\", such as \"continent/eu\"",
                          text));
}

}  // namespace tenon
