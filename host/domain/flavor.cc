#include "host/domain/flavor.h"

#include <fmt/format.h>

#include "host/domain/code_name.h"

namespace tenon {

std::string_view to_string(FlavorType type) {
  return type == FlavorType::kCpu ? "cpu" : "gpu";
}

std::string to_string(const Flavor& flavor) {
  return fmt::format("{}/{}", to_string(flavor.type), flavor.name);
}

Result<Flavor> parse_flavor(std::string_view text) {
  const std::string lower = lower_case(text);
  const std::string_view whole = lower;
  const auto slash = whole.find('/');
  if (slash != whole.npos && is_valid_code(whole.substr(slash + 1))) {
    const std::string_view type = whole.substr(0, slash);
    std::string name(whole.substr(slash + 1));
    if (type == "cpu") return Flavor{FlavorType::kCpu, std::move(name)};
    if (type == "gpu") return Flavor{FlavorType::kGpu, std::move(name)};
  }
  return fail(Code::kInvalid, fmt::format("'{}' is no flavor: expected \"cpu/NAME\" or "
                                          "\"gpu/NAME\", such as \"cpu/x86\" or \"gpu/h100\"",
                                          text));
}

}  // namespace tenon
