#include "host/access/rules.h"

namespace tenon::access {
namespace {

constexpr Role least_role(Act act) {
  switch (act) {
    case Act::kInvoke:
      return Role::kInvoke;
    case Act::kRead:
    case Act::kWriteModels:
      return Role::kMember;
    case Act::kWritePolicies:
    case Act::kKeys:
    case Act::kHost:
      break;
  }
  return Role::kAdmin;
}

// Roles are ordered: each may do all that the next may.
constexpr bool covers(Role role, Role wanted) {
  return role <= wanted;
}

}  // namespace

std::string_view to_string(Act act) {
  switch (act) {
    case Act::kInvoke:
      return "call endpoints";
    case Act::kRead:
      return "read";
    case Act::kWriteModels:
      return "write models";
    case Act::kWritePolicies:
      return "write policies";
    case Act::kKeys:
      return "manage keys";
    case Act::kHost:
      break;
  }
  return "manage the host";
}

bool allowed(Role role, std::string_view key_workspace, Act act, std::string_view workspace) {
  if (!covers(role, least_role(act))) return false;
  if (key_workspace.empty()) return true;
  return act != Act::kHost && key_workspace == workspace;
}

}  // namespace tenon::access
