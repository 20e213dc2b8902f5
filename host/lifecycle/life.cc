#include "host/lifecycle/life.h"

#include <array>

namespace tenon::lifecycle {
namespace {

using enum Phase;

// A cell that names its own row: the turn changes nothing there.
// clang-format off
constexpr std::array<std::array<Phase, kTurns>, kPhases> kTable = {{
    // kActivate,    kStanding,     kFirstLoad,    kReady,        kFail,         kDeactivate,   kDrained,      kDelete
    {kDeploying,    kCreated,      kCreated,      kCreated,      kCreated,      kCreated,      kCreated,      kDeleting},  // kCreated
    {kDeploying,    kDeployed,     kDeploying,    kDeployed,     kFailed,       kDeactivating, kDeploying,    kDeleting},  // kDeploying
    {kDeployed,     kDeployed,     kDeploying,    kDeployed,     kFailed,       kDeactivating, kDeployed,     kDeleting},  // kDeployed
    {kDeploying,    kDeactivating, kDeactivating, kDeactivating, kDeactivating, kDeactivating, kDeactivated,  kDeleting},  // kDeactivating
    {kDeploying,    kDeactivated,  kDeactivated,  kDeactivated,  kDeactivated,  kDeactivated,  kDeactivated,  kDeleting},  // kDeactivated
    {kDeploying,    kFailed,       kFailed,       kDeployed,     kFailed,       kDeactivating, kFailed,       kDeleting},  // kFailed
    {kDeleting,     kDeleting,     kDeleting,     kDeleting,     kDeleting,     kDeleting,     kDeleting,     kDeleting},  // kDeleting
}};
// clang-format on

constexpr std::array<std::string_view, kPhases> kNames = {
    "CREATED", "DEPLOYING", "DEPLOYED", "DEACTIVATING", "DEACTIVATED", "FAILED", "DELETING"};

}  // namespace

Phase after(Phase phase, Turn turn) {
  return kTable[static_cast<std::size_t>(phase)][static_cast<std::size_t>(turn)];
}

std::string_view to_string(Phase phase) {
  return kNames[static_cast<std::size_t>(phase)];
}

}  // namespace tenon::lifecycle
