#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "host/store/database.h"
#include "host/store/store.h"

namespace tenon::store {

// The store of one machine: a file beside which SQLite keeps its log. One host at a time has it.
class SqliteStore final : public Store {
 public:
  // Makes the file when it is not there. kPrecondition: another host has it (the message names its
  // process), or it is of a later version.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& file, Bounds = {});
  ~SqliteStore() override;

  // A checked copy of all that is committed, while writes go on. The file must not exist.
  Result<void> backup(const std::string& to);
  // Puts a backup in a store's place. No host may have the store.
  static Result<void> restore(const std::string& backup, const std::string& file);

  std::expected<std::vector<Outcome>, ApplyError> apply(std::span<const Change>,
                                                        const Author&) override;
  Result<std::optional<Resource>> get(const ResourceKey&) override;
  Result<Page> list(const ListQuery&) override;
  Result<Changes> changes_since(std::uint64_t version, std::size_t limit) override;

  Result<std::map<DeploymentKey, std::uint64_t>> newest_revisions() override;
  Result<void> mark_revision(const DeploymentKey&, std::uint64_t number, std::string_view state,
                             bool in_use) override;
  Result<std::vector<Revision>> revisions(const DeploymentKey&) override;

  Result<void> add_event(const DeploymentKey&, const Event&) override;
  Result<std::vector<Event>> events(const DeploymentKey&, std::size_t limit) override;

  Result<void> add_key(const ApiKey&) override;
  Result<void> remove_key(std::string_view id) override;
  Result<std::vector<ApiKey>> keys() override;
  Result<bool> keys_were_created() override;
  Result<void> mark_keys_used(std::span<const KeyUse>) override;

  Result<void> put_token_counts(std::span<const TokenCount>) override;
  Result<std::vector<TokenCount>> token_counts() override;

  Result<void> add_usage(std::span<const UsageIncrement>) override;
  Result<std::vector<UsageGroup>> usage(const UsageQuery&) override;

  Result<void> add_audit(const AuditEntry&) override;
  Result<std::vector<AuditEntry>> audit(std::optional<std::uint64_t> before,
                                        std::size_t limit) override;

  Result<void> put_setting(std::string_view name, std::string_view value) override;
  Result<std::optional<std::string>> setting(std::string_view name) override;

 private:
  class Lock;
  SqliteStore(Database, std::unique_ptr<Lock>, Bounds);

  // Parts of a transaction; the mutex is held.
  std::expected<Outcome, ApplyError> apply_one(const Change&, const Author&, std::uint64_t version);
  Result<std::optional<Resource>> find(const ResourceKey&);
  Result<std::uint64_t> counter(std::string_view name);
  Result<void> set_counter(std::string_view name, std::uint64_t value);
  Result<std::uint64_t> begin_revision(const Change&, const Author&);
  Result<void> forget_old_removals();
  Result<void> append_audit(const AuditEntry&);

  std::mutex mutex_;  // of the connection; calls are short
  Database db_;
  std::unique_ptr<Lock> lock_;
  const Bounds bounds_;
};

}  // namespace tenon::store
