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

// What the control plane keeps.
//
// [any thread] Each call is one transaction, all or nothing, and blocks until it is done, a write
// until the disk has it: so no event loop calls a store.
//
// A write survives the death of process and machine once the call returned.
//
// Errors of all calls: kExhausted, the disk is full or fails: nothing of the call is stored, reads
// go on, and writes again when there is room; kInternal, the store is damaged.
class Store {
 public:
  virtual ~Store() = default;

  // All changes in order, or none. What took effect goes to the audit log with them.
  virtual std::expected<std::vector<Outcome>, ApplyError> apply(std::span<const Change>,
                                                                const Author&) = 0;
  // At most `limit`, those after the last one of the page before.
  virtual Result<Page> list(Kind, const std::optional<ResourceKey>& after, std::size_t limit) = 0;

  // The newest of every deployment.
  virtual Result<std::map<DeploymentKey, std::uint64_t>> newest_revisions() = 0;
  virtual Result<std::vector<Revision>> revisions(const DeploymentKey&) = 0;  // newest first
  // That a revision has served; the last one that has is kept, however old. Of nothing: passed
  // over.
  virtual Result<void> mark_served(const DeploymentKey&, std::uint64_t revision) = 0;
  virtual Result<std::map<DeploymentKey, std::uint64_t>> served_revisions() = 0;  // the last ones

  // Events of deployments that are there; others are passed over. The last of each are kept.
  virtual Result<void> add_events(std::span<const Event>) = 0;
  virtual Result<std::vector<Event>> events(const DeploymentKey&) = 0;  // oldest first

  // Token counts replace those of the same owner and policy; use is added to that of its hour.
  // Counts of windows that are over, and use of long ago, are forgotten now and then.
  virtual Result<void> book(std::span<const TokenCount>, std::span<const Use>, Time now) = 0;
  virtual Result<std::vector<TokenCount>> token_counts() = 0;
  // Of the hours that begin in [from, to), in their order.
  virtual Result<std::vector<Use>> use(std::string_view workspace, Time from, Time to) = 0;

  // Making and removing a key goes to the audit log with it. kPrecondition: the id or the secret is
  // taken. From the first key on keys_were_created() holds for ever, whatever is removed.
  virtual Result<void> add_key(const ApiKey&, const Author&) = 0;
  virtual Result<ApiKey> remove_key(std::string_view id, const Author&) = 0;  // kNotFound
  virtual Result<std::vector<ApiKey>> keys() = 0;                             // oldest first
  virtual Result<bool> keys_were_created() = 0;
  // Unknown keys are passed over, and so is a use older than the one known.
  virtual Result<void> mark_keys_used(std::span<const KeyUse>) = 0;

  virtual Result<void> add_audit(std::span<const AuditEntry>) = 0;
  // Newest first; only numbers below `before`, if given.
  virtual Result<std::vector<AuditEntry>> audit(std::optional<std::uint64_t> before,
                                                std::size_t limit) = 0;
};

}  // namespace tenon::store
