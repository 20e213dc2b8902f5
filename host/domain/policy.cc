#include "host/domain/policy.h"

namespace tenon {

std::string_view to_string(PolicyType type) {
  switch (type) {
    case PolicyType::kLocation:
      return "location";
    case PolicyType::kFlavor:
      return "flavor";
    case PolicyType::kMaxToken:
      return "maxToken";
  }
  return "location";
}

std::string_view to_string(Granularity granularity) {
  switch (granularity) {
    case Granularity::kMinute:
      return "minute";
    case Granularity::kHour:
      return "hour";
    case Granularity::kDay:
      return "day";
    case Granularity::kMonth:
      return "month";
  }
  return "day";
}

}  // namespace tenon
