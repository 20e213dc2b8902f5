#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/store/store.h"

namespace tenon::store::testing {

// A store without a disk; gone with the process. It passes the same tests as those that last.
class MemoryStore : public Store {
 public:
  explicit MemoryStore(Bounds bounds = {}) : bounds_(bounds) {}

  // Writes fail with this until it is taken back.
  void fail_writes(std::optional<Error> error);

  std::expected<std::vector<Outcome>, ApplyError> apply(std::span<const Change>,
                                                        const Author&) override;
  Result<Page> list(Kind, const std::optional<ResourceKey>& after, std::size_t limit) override;
  Result<std::map<DeploymentKey, std::uint64_t>> newest_revisions() override;
  Result<std::vector<Revision>> revisions(const DeploymentKey&) override;
  Result<void> mark_served(const DeploymentKey&, std::uint64_t revision) override;
  Result<std::map<DeploymentKey, std::uint64_t>> served_revisions() override;
  Result<void> add_events(std::span<const Event>) override;
  Result<std::vector<Event>> events(const DeploymentKey&) override;
  Result<void> book(std::span<const TokenCount>, std::span<const Use>, Time now) override;
  Result<std::vector<TokenCount>> token_counts() override;
  Result<std::vector<Use>> use(std::string_view workspace, Time from, Time to) override;
  Result<void> add_key(const ApiKey&, const Author&) override;
  Result<ApiKey> remove_key(std::string_view id, const Author&) override;
  Result<std::vector<ApiKey>> keys() override;
  Result<bool> keys_were_created() override;
  Result<void> mark_keys_used(std::span<const KeyUse>) override;
  Result<void> add_audit(std::span<const AuditEntry>) override;
  Result<std::vector<AuditEntry>> audit(std::optional<std::uint64_t> before,
                                        std::size_t limit) override;

 private:
  // A call works on a copy, which takes the place of what was there when all of it is done.
  struct State {
    std::uint64_t version = 0;
    std::map<ResourceKey, Resource> resources;
    std::map<DeploymentKey, std::deque<Revision>> revisions;  // oldest first
    std::map<DeploymentKey, std::uint64_t> served;            // the last ones
    std::map<DeploymentKey, std::deque<Event>> events;
    std::map<std::pair<ResourceKey, std::string>, TokenCount> counts;
    std::map<std::tuple<Time, DeploymentKey, std::uint64_t, std::string>, Use> uses;
    std::vector<ApiKey> keys;
    bool keys_were_created = false;
    std::deque<AuditEntry> audit;
    std::uint64_t audited = 0;
  };

  template <class Do>
  Result<void> write(Do);
  std::expected<Outcome, ApplyError> apply_one(State&, const Change&, const Author&) const;
  void append_audit(State&, AuditEntry) const;

  const Bounds bounds_;
  std::mutex mutex_;  // of what follows
  State state_;
  std::optional<Error> failure_;
};

}  // namespace tenon::store::testing
