#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tenon {

// What a key may do in its workspace, each role all that the next may do too; docs/security.md.
enum class Role : std::uint8_t {
  kAdmin,   // everything, other keys and what reaches the machine included
  kMember,  // reads, and writes models and deployments
  kInvoke,  // calls endpoints
};

constexpr std::string_view to_string(Role role) {
  switch (role) {
    case Role::kAdmin:
      return "admin";
    case Role::kMember:
      return "member";
    case Role::kInvoke:
      return "invoke";
  }
  return "invoke";
}

constexpr std::optional<Role> parse_role(std::string_view text) {
  for (Role role : {Role::kAdmin, Role::kMember, Role::kInvoke}) {
    if (text == to_string(role)) return role;
  }
  return std::nullopt;
}

}  // namespace tenon
