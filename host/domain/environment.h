#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tenon {

inline constexpr std::string_view kProduction = "production";  // where a deployment goes by default
inline constexpr std::string_view kDevelopment = "development";

// Where deployments live, and the policies that hold for all of them there.
struct Environment {
  std::string name;
  std::vector<std::string> policies;  // names

  bool operator==(const Environment&) const = default;
};

}  // namespace tenon
