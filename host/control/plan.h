#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/control/snapshot.h"
#include "host/domain/api_error.h"
#include "host/store/records.h"

// What a set of changes would do: decided on values, done by the catalog.
namespace tenon::control {

// Who changes something.
struct Who {
  std::string name;        // "key ci", "file:fleet.toml": as updatedBy and the audit log tell it
  std::string managed_by;  // "api", or "file:PATH"
  bool trusted = false;    // an admin or a file: may set what reaches the host itself
  bool force = false;      // takes over what someone else manages, leaves deployments no place
  std::vector<std::string> heir_of = {};  // managers that are gone: takes over what was theirs
};

// A resource as it shall be, or its removal.
struct Wish {
  Draft draft;  // of a removal its key; a deployment without a digest has its origin looked at
  bool remove = false;
  std::optional<std::uint64_t> version =
      std::nullopt;  // the resource must still have it; 0: must not exist
};

struct Planned {
  ResourceKey key;
  store::Done done = store::Done::kUnchanged;
  std::string before, after;  // documents without secret values; "" where there is none
};

// Why a change is refused.
struct Refused {
  std::size_t wish = 0;  // its index
  ApiError code;
  std::string message;
};

// What really changes of a resource.
struct Write {
  Draft draft;  // of a removal its key
  bool remove = false;
  std::string managed_by;
};

struct Plan {
  std::vector<Planned> outcomes;  // one for each wish
  std::vector<Write> writes;      // in order; they may be more than was wished
};

// Whoever comes first takes over what the host made by itself.
inline constexpr std::string_view kMadeByHost = "host";

// What the host itself is, as far as changes are held against it.
struct Ground {
  std::vector<std::string> model_roots;  // where `file:` origins of the untrusted may point
  unsigned replicas = 0;                 // that the host holds at most
};

// Whether someone may name this folder as a deployment's origin.
bool may_read(const Who&, const Ground&, std::string_view folder);

// All changes or none: whatever is wrong with any of them is told. A new workspace gets its two
// environments.
std::expected<Plan, std::vector<Refused>> plan(const Snapshot&, std::span<const Wish>, const Who&,
                                               const Ground&);

}  // namespace tenon::control
