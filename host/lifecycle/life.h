#pragma once

#include <cstdint>
#include <string_view>

// The states of a deployment's life, and the one table that says how each leads to the next. Pure.
namespace tenon::lifecycle {

enum class Phase : std::uint8_t {
  kCreated,       // exists; was never to serve
  kDeploying,     // is to serve: what that takes is not there yet, for the first time
  kDeployed,      // serves; at zero as well, since a request starts it
  kDeactivating,  // was switched off: replicas finish what they have
  kDeactivated,   // takes no resources, answers nobody
  kFailed,        // cannot serve: no load succeeds, or policies rule it out
  kDeleting,      // its replicas finish what they have, then it is gone
};
inline constexpr unsigned kPhases = 7;

// What happens to a deployment.
enum class Turn : std::uint8_t {
  kActivate,    // it is to serve: made, switched on again, or given another revision
  kStanding,    // as many replicas stand as are to run now, which may be none
  kFirstLoad,   // a replica of a deployment that never had a ready one is being loaded
  kReady,       // a replica is ready
  kFail,        // a load failed, workers died in a row, or policies forbid it; nothing serves
  kDeactivate,  // it is not to serve
  kDrained,     // its last replica is gone
  kDelete,
};
inline constexpr unsigned kTurns = 8;

Phase after(Phase, Turn);

std::string_view to_string(Phase);  // "DEPLOYED"

}  // namespace tenon::lifecycle
