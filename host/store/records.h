#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/deployment.h"
#include "host/domain/error.h"
#include "host/domain/resource.h"
#include "host/domain/role.h"

// What goes into a store and comes out of it. Documents are opaque text to it.
namespace tenon::store {

using Time = std::chrono::system_clock::time_point;

// ---- resources ----

struct Change {
  enum class Verb : std::uint8_t { kPut, kRemove };

  Verb verb = Verb::kPut;
  ResourceKey key;
  std::string document;                   // of a put
  std::string managed_by;                 // of a put
  std::string revision;                   // of a put of a deployment: begins a revision with this
                                          // document; "": the present one goes on
  std::uint64_t keeps = 0;                // of a put: a revision that is not forgotten; 0: none
  std::optional<std::uint64_t> expected;  // the version it must have now; 0: it must not exist
};

struct Author {
  std::string by;
  Time at{};
};

enum class Done : std::uint8_t { kCreated, kConfigured, kUnchanged, kDeleted };
std::string_view to_string(Done);  // "created"

// Of one change. Unchanged: a put of the same document and manager, or a removal of nothing.
struct Outcome {
  Done done = Done::kUnchanged;
  std::uint64_t version = 0;   // the resource's now; of a removal, the removal's own; of nothing 0
  std::uint64_t revision = 0;  // that began; 0: none

  bool operator==(const Outcome&) const = default;
};

struct Conflict {
  ResourceKey key;
  std::uint64_t expected = 0;
  std::uint64_t found = 0;  // 0: it does not exist

  bool operator==(const Conflict&) const = default;
};

// Why a batch was refused as a whole; with a conflict the code is kPrecondition.
struct ApplyError : Error {
  std::optional<Conflict> conflict;
};
ApplyError conflict_error(Conflict);

// Resources of one kind, ordered by workspace, name, environment.
struct Page {
  std::vector<Resource> items;
  bool more = false;
  std::uint64_t version = 0;  // the store's
};

// ---- what belongs to a deployment; goes with it ----

// Immutable; the newest is the one that serves, or is to.
struct Revision {
  std::uint64_t number = 0;  // given by the store: 1, 2, …
  std::string document;
  Time created_at{};

  bool operator==(const Revision&) const = default;
};

// Something that happened to it.
struct Event {
  DeploymentKey deployment;
  Time at{};
  std::string type;            // "LoadFailed"
  std::string status;          // of the deployment after it: "DEPLOYED"
  std::uint64_t revision = 0;  // that it concerns; 0: none
  std::string message;         // may be empty

  bool operator==(const Event&) const = default;
};

// ---- keys ----

using Sha256 = std::array<std::byte, 32>;

struct ApiKey {
  std::string id;
  std::string name;
  std::string workspace;  // "": all of them
  Role role = Role::kInvoke;
  Sha256 secret{};  // the digest of it
  Time created_at{};
  std::optional<Time> expires_at = {};
  std::optional<Time> last_used_at = {};
  unsigned requests_per_second = 0;  // 0: no bound of its own

  bool operator==(const ApiKey&) const = default;
};
std::string label(const ApiKey&);  // "key ci (k3x9q0f7m2ab1)", as logs and the audit log tell it
std::string described(const ApiKey&);  // "key ci (k3x9q0f7m2ab1), member of workspace team"

Error no_key(std::string_view id);

struct KeyUse {
  std::string id;
  Time at{};
};

// ---- use ----

// Numbers of what was used stay at this one once they reach it.
inline constexpr std::uint64_t kMostUsed = std::numeric_limits<std::int64_t>::max();

// What a token policy has counted for whoever carries it, in one window.
struct TokenCount {
  ResourceKey owner;
  std::string policy;
  Time begin{}, end{};  // of the window
  std::uint64_t input = 0;
  std::uint64_t output = 0;

  bool operator==(const TokenCount&) const = default;
};

// What a deployment used in (a part of) one hour. It outlives the deployment.
struct Use {
  Time hour{};  // its begin
  DeploymentKey deployment;
  std::uint64_t revision = 0;
  std::string flavor;  // "cpu/x86"
  std::uint64_t requests = 0;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::uint64_t replica_milliseconds = 0;
  std::uint64_t device_byte_seconds = 0;

  bool operator==(const Use&) const = default;
};
// The numbers of `more` to those of `to`, which stay at kMostUsed.
void add(Use& to, const Use& more);

// ---- audit ----

struct AuditEntry {
  std::uint64_t number = 0;  // given by the store, growing
  Time at{};
  std::string who;
  std::string action;         // "created"
  std::string resource;       // "deployment default/minilm@production"
  std::string result = "ok";  // else why it was refused

  bool operator==(const AuditEntry&) const = default;
};

// ---- bounds ----

// How much of what only grows is kept; the oldest goes first.
struct Bounds {
  std::size_t revisions = 10;  // of a deployment
  std::size_t events = 50;     // likewise
  std::size_t audit = 100'000;
  std::chrono::hours use{24 * 400};

  bool operator==(const Bounds&) const = default;
};

}  // namespace tenon::store
