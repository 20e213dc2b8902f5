#include <fmt/format.h>

#include <algorithm>

#include "host/store/columns.h"
#include "host/store/sqlite_store.h"

// API keys; their secrets only as digests.
namespace tenon::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, name, workspace, role, sha256, created_at, expires_at, last_used_at, "
    "requests_per_second FROM api_key ";

ApiKey api_key_of(const Statement& row) {
  // A role that is not known here must not gain power: the least one.
  ApiKey key{.id = row.text(0),
             .name = row.text(1),
             .workspace = row.text(2),
             .role = parse_role(row.text(3)).value_or(Role::kInvoke),
             .created_at = from_micros(row.integer(5)),
             .expires_at = time_of(row, 6),
             .last_used_at = time_of(row, 7),
             .requests_per_second = static_cast<unsigned>(row.integer(8))};
  std::ranges::copy(row.bytes(4).first(key.secret.size()), key.secret.begin());
  return key;
}

}  // namespace

Result<void> SqliteStore::add_key(const ApiKey& key, const Author& author) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_);
  if (!transaction) return std::unexpected(transaction.error());
  Statement add = db_.prepare(
      "INSERT INTO api_key(id, name, workspace, role, sha256, created_at, expires_at, "
      "last_used_at, requests_per_second) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  add << key.id << key.name << key.workspace << to_string(key.role)
      << std::span<const std::byte>(key.secret) << to_micros(key.created_at);
  bind_time(add, key.expires_at);
  bind_time(add, key.last_used_at);
  add << std::int64_t{key.requests_per_second};
  auto done = add.run();
  if (done) done = db_.prepare("UPDATE state SET keys_were_created = 1").run();
  if (done) done = append_audit({0, author.at, author.by, "created", described(key)});
  return done ? transaction->commit() : done;
}

Result<ApiKey> SqliteStore::remove_key(std::string_view id, const Author& author) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_);
  if (!transaction) return std::unexpected(transaction.error());
  ApiKey key;
  {
    Statement find = db_.prepare(fmt::format("{}WHERE id = ?", kSelect));
    const auto row = (find << id).step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::unexpected(no_key(id));
    key = api_key_of(find);
  }
  auto done = (db_.prepare("DELETE FROM api_key WHERE id = ?") << id).run();
  if (done) done = append_audit({0, author.at, author.by, "deleted", described(key)});
  if (done) done = transaction->commit();
  if (!done) return std::unexpected(done.error());
  return key;
}

Result<std::vector<ApiKey>> SqliteStore::keys() {
  const std::lock_guard lock(mutex_);
  Statement all = db_.prepare(fmt::format("{}ORDER BY number", kSelect));
  return rows<ApiKey>(all, api_key_of);
}

Result<bool> SqliteStore::keys_were_created() {
  const std::lock_guard lock(mutex_);
  Statement statement = db_.prepare("SELECT keys_were_created FROM state");
  const auto row = statement.step();
  if (!row) return std::unexpected(row.error());
  return *row && statement.integer(0) != 0;
}

Result<void> SqliteStore::mark_keys_used(std::span<const KeyUse> uses) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_);
  if (!transaction) return std::unexpected(transaction.error());
  for (const KeyUse& use : uses) {
    Statement mark = db_.prepare(
        "UPDATE api_key SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE id = ?1");
    if (auto done = (mark << use.id << to_micros(use.at)).run(); !done) return done;
  }
  return transaction->commit();
}

}  // namespace tenon::store
