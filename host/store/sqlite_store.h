#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "host/store/database.h"
#include "host/store/store.h"
#include "host/store/store_lock.h"

namespace tenon::store {

// The store of one machine: a file beside which SQLite keeps its log. One host at a time has it.
class SqliteStore final : public Store {
 public:
  // Makes the file when it is not there. kPrecondition: another host has it (the message names its
  // process), or it is of a later version.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& file, Bounds = {});
  ~SqliteStore() override;

  std::expected<std::vector<Outcome>, ApplyError> apply(std::span<const Change>,
                                                        const Author&) override;
  Result<Page> list(Kind, const std::optional<ResourceKey>& after, std::size_t limit) override;
  Result<std::map<DeploymentKey, std::uint64_t>> newest_revisions() override;
  Result<std::vector<Revision>> revisions(const DeploymentKey&) override;
  Result<void> mark_served(const DeploymentKey&, std::uint64_t revision) override;
  Result<std::map<DeploymentKey, std::uint64_t>> served_revisions() override;
  Result<void> add_events(std::span<const Event>) override;
  Result<std::vector<Event>> events(const DeploymentKey&) override;
  Result<void> add_key(const ApiKey&, const Author&) override;
  Result<ApiKey> remove_key(std::string_view id, const Author&) override;
  Result<std::vector<ApiKey>> keys() override;
  Result<bool> keys_were_created() override;
  Result<void> mark_keys_used(std::span<const KeyUse>) override;
  Result<void> add_audit(std::span<const AuditEntry>) override;
  Result<void> book(std::span<const TokenCount>, std::span<const Use>, Time now) override;
  Result<std::vector<TokenCount>> token_counts() override;
  Result<std::vector<Use>> use(std::string_view workspace, Time from, Time to) override;
  Result<std::vector<AuditEntry>> audit(std::optional<std::uint64_t> before,
                                        std::size_t limit) override;

 private:
  SqliteStore(Database, Database reads, std::unique_ptr<StoreLock>, Bounds);

  // Parts of a transaction; the mutex is held.
  std::expected<Outcome, ApplyError> apply_one(const Change&, const Author&, std::uint64_t version);
  Result<std::optional<Resource>> find(const ResourceKey&);
  Result<std::uint64_t> version();
  Result<std::uint64_t> begin_revision(const Change&, const Author&);
  Result<std::map<DeploymentKey, std::uint64_t>> last_revisions(std::string_view which);
  Result<void> append_audit(const AuditEntry&);
  Result<void> append(const Event&);
  Result<void> put(const TokenCount&);
  Result<void> add(const Use&);
  Result<void> forget_use(Time now);

  std::unique_ptr<StoreLock> lock_;
  std::mutex mutex_;  // of the connection; held while a write waits for the disk
  Database db_;
  // What requests ask for is read here, so that none waits for the disk.
  std::mutex reading_;
  Database reads_;
  const Bounds bounds_;
  Time use_forgotten_{};  // when last
};

}  // namespace tenon::store
