#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "host/access/caller.h"

namespace tenon::access {

// What somebody wants to do.
enum class Act : std::uint8_t {
  kInvoke,         // call a model's endpoint
  kRead,           // see what a workspace has
  kWriteModels,    // models and their deployments
  kWritePolicies,  // policies and environments
  kKeys,           // the workspace's keys
  kHost,  // what belongs to no workspace: locations, workspaces, audit, what reaches the machine
};
inline constexpr std::array kActs = {Act::kInvoke,        Act::kRead, Act::kWriteModels,
                                     Act::kWritePolicies, Act::kKeys, Act::kHost};

std::string_view to_string(Act);  // as docs/security.md names it

// The whole rule. `workspace` is whose thing it is; "" stands for all workspaces together.
bool allowed(Role, std::string_view key_workspace, Act, std::string_view workspace);

inline bool allowed(const Caller& caller, Act act, std::string_view workspace) {
  return allowed(caller.role, caller.workspace, act, workspace);
}

}  // namespace tenon::access
