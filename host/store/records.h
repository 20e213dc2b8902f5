#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
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
  std::uint64_t revision = 0;  // of a deployment that was put: its newest

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
struct ListQuery {
  Kind kind = Kind::kDeployment;
  std::optional<std::string> workspace;  // none: all of them
  std::string prefix;                    // of the name
  std::optional<ResourceKey> after;      // the last one of the page before
  std::size_t limit = 100;
};

struct Page {
  std::vector<Resource> items;
  bool more = false;
  std::uint64_t version = 0;  // the store's: a watch that begins at the first page's misses nothing
};

struct Removal {
  ResourceKey key;
  std::uint64_t version = 0;

  bool operator==(const Removal&) const = default;
};

// What happened after a version, a resource's last state only. In each list versions grow.
struct Changes {
  bool too_old = false;  // removals that far back are forgotten: list anew
  std::vector<Resource> put;
  std::vector<Removal> removed;
  std::uint64_t version = 0;  // all up to here is told; where the next question begins
};

// ---- what belongs to a deployment; goes with it ----

// Immutable but for `state` and `in_use`.
struct Revision {
  std::uint64_t number = 0;  // given by the store: 1, 2, …
  std::string document;
  std::string state;
  bool in_use = false;  // never forgotten
  Time created_at{};

  bool operator==(const Revision&) const = default;
};

struct Event {
  Time at{};
  std::string type;
  std::string status;
  std::string message;

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
  std::optional<Time> expires_at;
  std::optional<Time> last_used_at;

  bool operator==(const ApiKey&) const = default;
};

struct KeyUse {
  std::string id;
  Time at{};
};

// ---- counting ----

// What was spent of a policy by its owner in the window that runs; a later window replaces it.
struct TokenCount {
  std::string owner;  // "environment default/production", "deployment default/minilm@production"
  std::string policy;
  Time window_begin{};
  std::uint64_t input = 0;
  std::uint64_t output = 0;

  auto operator<=>(const TokenCount&) const = default;
};

struct UsageAmounts {
  std::uint64_t requests = 0;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  double replica_seconds = 0;
  double device_byte_seconds = 0;

  UsageAmounts& operator+=(const UsageAmounts&);
  bool operator==(const UsageAmounts&) const = default;
};

struct UsageIncrement {
  Time at{};  // anywhere in its hour
  DeploymentKey deployment;
  std::uint64_t revision = 0;
  std::string flavor;
  UsageAmounts amounts;
};

enum class UsageBy : std::uint8_t {
  kDeployment,   // "default/minilm@production"
  kRevision,     // "default/minilm@production#3"
  kFlavor,       // "cpu/x86"
  kEnvironment,  // "default/production"
  kDay,          // "2026-11-24", UTC
  kHour,         // "2026-11-24T16"
};

struct UsageQuery {
  Time from{};  // both fall to the begin of their hour
  Time to{};    // exclusive
  UsageBy by = UsageBy::kDeployment;
  std::optional<std::string> workspace;
};

struct UsageGroup {
  std::string name;
  UsageAmounts amounts;

  bool operator==(const UsageGroup&) const = default;
};

// ---- audit ----

struct AuditEntry {
  std::uint64_t number = 0;  // given by the store, growing
  Time at{};
  std::string who;
  std::string action;    // "created"
  std::string resource;  // "deployment default/minilm@production"
  std::string result;    // "ok", or why not

  bool operator==(const AuditEntry&) const = default;
};

// ---- bounds ----

// How much of what only grows is kept; the oldest goes first.
struct Bounds {
  std::size_t removals = 10'000;
  std::size_t revisions = 10;  // of a deployment, beside those in use
  std::size_t events = 100;    // of a deployment
  std::size_t audit = 100'000;
  std::chrono::hours usage{24 * 400};
};

// ---- the sentences that every store says ----

Error no_deployment(const DeploymentKey&);
Error no_revision(const DeploymentKey&, std::uint64_t number);
Error no_key(std::string_view id);
Error key_exists(std::string_view id);

// The key of the resource that holds a deployment.
ResourceKey resource_key(const DeploymentKey&);

}  // namespace tenon::store
