#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/store/records.h"

namespace tenon::store {

// What the control plane keeps. One conformance suite holds every implementation to what is said
// here (tests/host/store/conformance_test.cc).
//
// [any thread] Each call is one transaction, all or nothing, and blocks until it is done, a write
// until the disk has it: so no event loop calls a store.
//
// A write that someone asked for survives the death of process and machine once the call returned.
// What the host merely observes (events, counts, usage, the use of keys: "observed" below) survives
// the death of the process; of the machine, but for the last moments.
//
// Errors of all calls: kExhausted, the disk is full or fails: nothing of the call is stored, reads
// go on, and writes again when there is room; kInternal, the store is damaged.
class Store {
 public:
  virtual ~Store() = default;

  // All changes in order, or none. What took effect goes to the audit log with them.
  virtual std::expected<std::vector<Outcome>, ApplyError> apply(std::span<const Change>,
                                                                const Author&) = 0;
  virtual Result<std::optional<Resource>> get(const ResourceKey&) = 0;
  virtual Result<Page> list(const ListQuery&) = 0;
  // At most `limit`, the oldest first.
  virtual Result<Changes> changes_since(std::uint64_t version, std::size_t limit) = 0;

  // The newest of every deployment.
  virtual Result<std::map<DeploymentKey, std::uint64_t>> newest_revisions() = 0;
  virtual Result<void> mark_revision(const DeploymentKey&, std::uint64_t number,
                                     std::string_view state, bool in_use) = 0;
  virtual Result<std::vector<Revision>> revisions(const DeploymentKey&) = 0;  // newest first

  // Observed. kNotFound: no such deployment.
  virtual Result<void> add_event(const DeploymentKey&, const Event&) = 0;
  virtual Result<std::vector<Event>> events(const DeploymentKey&,
                                            std::size_t limit) = 0;  // newest first

  // kPrecondition: the id or the secret is taken. From the first key on, keys_were_created() holds
  // for ever, whatever is removed.
  virtual Result<void> add_key(const ApiKey&) = 0;
  virtual Result<void> remove_key(std::string_view id) = 0;  // kNotFound
  virtual Result<std::vector<ApiKey>> keys() = 0;            // oldest first
  virtual Result<bool> keys_were_created() = 0;
  // Observed. Unknown keys are passed over, and so is a use older than the one known.
  virtual Result<void> mark_keys_used(std::span<const KeyUse>) = 0;

  // Observed.
  virtual Result<void> put_token_counts(std::span<const TokenCount>) = 0;
  virtual Result<std::vector<TokenCount>> token_counts() = 0;  // by owner, then policy

  // Observed.
  virtual Result<void> add_usage(std::span<const UsageIncrement>) = 0;
  virtual Result<std::vector<UsageGroup>> usage(const UsageQuery&) = 0;  // by name

  virtual Result<void> add_audit(const AuditEntry&) = 0;
  // Newest first; only numbers below `before`, if given.
  virtual Result<std::vector<AuditEntry>> audit(std::optional<std::uint64_t> before,
                                                std::size_t limit) = 0;

  virtual Result<void> put_setting(std::string_view name, std::string_view value) = 0;
  virtual Result<std::optional<std::string>> setting(std::string_view name) = 0;
};

}  // namespace tenon::store
