// The store as a file: what is kept beside the resources.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "host/store/columns.h"
#include "host/store/sqlite_store.h"

namespace tenon::store {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;  // microseconds
constexpr std::string_view kKeysSetting = "keysWereCreated";

std::unexpected<Error> with(Error error) {
  return std::unexpected(std::move(error));
}

// Reads all rows that a statement gives.
template <class T, class Read>
Result<std::vector<T>> rows(Statement& statement, Read read) {
  std::vector<T> out;
  for (;;) {
    const auto row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return out;
    out.push_back(read(statement));
  }
}

std::optional<Time> time_of(const Statement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return from_micros(row.integer(column));
}

void bind_time(Statement& statement, const std::optional<Time>& time) {
  if (time) {
    statement << to_micros(*time);
  } else {
    statement << nullptr;
  }
}

}  // namespace

// ---- revisions

Result<std::uint64_t> SqliteStore::begin_revision(const Change& change, const Author& author) {
  const DeploymentKey key{change.key.workspace, change.key.name, change.key.environment};
  Statement last = db_.prepare(
      "SELECT max(number) FROM revision WHERE workspace = ? AND model = ? AND environment = ?");
  const auto row = bind_key(last, key).step();
  if (!row) return std::unexpected(row.error());
  const std::uint64_t number = last.number(0) + 1;
  Statement superseded = db_.prepare(
      "UPDATE revision SET state = 'superseded', in_use = 0 WHERE workspace = ? AND model = ? AND "
      "environment = ? AND state = 'active'");
  Statement added = db_.prepare(
      "INSERT INTO revision(workspace, model, environment, number, document, state, in_use, "
      "created_at) VALUES (?, ?, ?, ?, ?, 'active', 1, ?)");
  Statement forgotten = db_.prepare(
      "DELETE FROM revision WHERE workspace = ? AND model = ? AND environment = ? AND number <= ? "
      "AND NOT in_use");
  auto done = bind_key(superseded, key).run();
  if (done) {
    done = (bind_key(added, key) << number << change.revision << to_micros(author.at)).run();
  }
  if (done && number > bounds_.revisions) {
    done = (bind_key(forgotten, key) << number - bounds_.revisions).run();
  }
  if (!done) return with(done.error());
  return number;
}

Result<std::map<DeploymentKey, std::uint64_t>> SqliteStore::newest_revisions() {
  const std::lock_guard lock(mutex_);
  Statement statement = db_.prepare(
      "SELECT workspace, model, environment, max(number) FROM revision GROUP BY 1, 2, 3");
  std::map<DeploymentKey, std::uint64_t> out;
  for (;;) {
    const auto row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return out;
    out.emplace_hint(out.end(), deployment_of(statement, 0), statement.number(3));
  }
}

Result<void> SqliteStore::mark_revision(const DeploymentKey& key, std::uint64_t number,
                                        std::string_view state, bool in_use) {
  const std::lock_guard lock(mutex_);
  Statement statement = db_.prepare(
      "UPDATE revision SET state = ?4, in_use = ?5 WHERE workspace = ?1 AND model = ?2 AND "
      "environment = ?3 AND number = ?6");
  auto done = (bind_key(statement, key) << state << in_use << number).run();
  if (done && db_.changes() == 0) return with(no_revision(key, number));
  return done;
}

Result<std::vector<Revision>> SqliteStore::revisions(const DeploymentKey& key) {
  const std::lock_guard lock(mutex_);
  Statement statement = db_.prepare(
      "SELECT number, document, state, in_use, created_at FROM revision WHERE workspace = ? AND "
      "model = ? AND environment = ? ORDER BY number DESC");
  bind_key(statement, key);
  return rows<Revision>(statement, [](const Statement& row) {
    return Revision{row.number(0), row.text(1), row.text(2), row.integer(3) != 0,
                    from_micros(row.integer(4))};
  });
}

// ---- events

Result<void> SqliteStore::add_event(const DeploymentKey& key, const Event& event) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_, true);
  if (!transaction) return with(transaction.error());
  Statement added = db_.prepare(
      "INSERT INTO event(workspace, model, environment, at, type, status, message) VALUES (?, ?, "
      "?, ?, ?, ?, ?)");
  auto done =
      (bind_key(added, key) << to_micros(event.at) << event.type << event.status << event.message)
          .run();
  if (!done) {
    return with(done.error().code == Code::kPrecondition ? no_deployment(key) : done.error());
  }
  Statement forgotten = db_.prepare(
      "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE kind = 4 AND workspace = ? AND "
      "model = ? AND environment = ? ORDER BY id DESC LIMIT -1 OFFSET ?)");
  done = (bind_key(forgotten, key) << static_cast<std::uint64_t>(bounds_.events)).run();
  return done ? transaction->commit() : done;
}

Result<std::vector<Event>> SqliteStore::events(const DeploymentKey& key, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  Statement statement = db_.prepare(
      "SELECT at, type, status, message FROM event WHERE kind = 4 AND workspace = ? AND model = ? "
      "AND environment = ? ORDER BY id DESC LIMIT ?");
  bind_key(statement, key) << static_cast<std::uint64_t>(limit);
  return rows<Event>(statement, [](const Statement& row) {
    return Event{from_micros(row.integer(0)), row.text(1), row.text(2), row.text(3)};
  });
}

// ---- keys

Result<void> SqliteStore::add_key(const ApiKey& key) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_);
  if (!transaction) return with(transaction.error());
  Statement added = db_.prepare(
      "INSERT INTO api_key(id, name, workspace, role, secret, created_at, expires_at, "
      "last_used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  added << key.id << key.name << key.workspace << to_string(key.role)
        << std::span<const std::byte>(key.secret) << to_micros(key.created_at);
  bind_time(added, key.expires_at);
  bind_time(added, key.last_used_at);
  if (auto done = added.run(); !done) {
    return with(done.error().code == Code::kPrecondition ? key_exists(key.id) : done.error());
  }
  Statement noted = db_.prepare("INSERT OR REPLACE INTO setting VALUES (?, 'true')");
  auto done = (noted << kKeysSetting).run();
  return done ? transaction->commit() : done;
}

Result<void> SqliteStore::remove_key(std::string_view id) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_);
  if (!transaction) return with(transaction.error());
  if (auto done = (db_.prepare("DELETE FROM api_key WHERE id = ?") << id).run(); !done) return done;
  if (db_.changes() == 0) return with(no_key(id));
  return transaction->commit();
}

Result<std::vector<ApiKey>> SqliteStore::keys() {
  const std::lock_guard lock(mutex_);
  Statement statement = db_.prepare(
      "SELECT id, name, workspace, role, secret, created_at, expires_at, last_used_at FROM api_key "
      "ORDER BY created_at, id");
  return rows<ApiKey>(statement, [](const Statement& row) {
    ApiKey key{.id = row.text(0),
               .name = row.text(1),
               .workspace = row.text(2),
               .role = parse_role(row.text(3)).value_or(Role::kInvoke),
               .secret = {},
               .created_at = from_micros(row.integer(5)),
               .expires_at = time_of(row, 6),
               .last_used_at = time_of(row, 7)};
    const auto digest = row.bytes(4);
    std::copy_n(digest.begin(), std::min(digest.size(), key.secret.size()), key.secret.begin());
    return key;
  });
}

Result<bool> SqliteStore::keys_were_created() {
  const auto found = setting(kKeysSetting);
  if (!found) return with(found.error());
  return found->has_value();
}

Result<void> SqliteStore::mark_keys_used(std::span<const KeyUse> uses) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_, true);
  if (!transaction) return with(transaction.error());
  for (const KeyUse& use : uses) {
    Statement statement = db_.prepare(
        "UPDATE api_key SET last_used_at = max(ifnull(last_used_at, 0), ?) WHERE id = ?");
    if (auto done = (statement << to_micros(use.at) << use.id).run(); !done) return done;
  }
  return transaction->commit();
}

// ---- counting

Result<void> SqliteStore::put_token_counts(std::span<const TokenCount> counts) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_, true);
  if (!transaction) return with(transaction.error());
  for (const TokenCount& count : counts) {
    Statement statement = db_.prepare(
        "INSERT OR REPLACE INTO token_count(owner, policy, window_begin, input, output) VALUES (?, "
        "?, ?, ?, ?)");
    statement << count.owner << count.policy << to_micros(count.window_begin) << count.input
              << count.output;
    if (auto done = statement.run(); !done) return done;
  }
  return transaction->commit();
}

Result<std::vector<TokenCount>> SqliteStore::token_counts() {
  const std::lock_guard lock(mutex_);
  Statement statement = db_.prepare(
      "SELECT owner, policy, window_begin, input, output FROM token_count ORDER BY owner, policy");
  return rows<TokenCount>(statement, [](const Statement& row) {
    return TokenCount{row.text(0), row.text(1), from_micros(row.integer(2)), row.number(3),
                      row.number(4)};
  });
}

Result<void> SqliteStore::add_usage(std::span<const UsageIncrement> increments) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_, true);
  if (!transaction) return with(transaction.error());
  std::int64_t latest = 0;
  for (const UsageIncrement& increment : increments) {
    const std::int64_t hour = to_micros(increment.at) / kHour * kHour;
    latest = std::max(latest, hour);
    Statement statement = db_.prepare(
        "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "requests = requests + excluded.requests, input = input + excluded.input, output = output "
        "+ excluded.output, replica_seconds = replica_seconds + excluded.replica_seconds, "
        "device_byte_seconds = device_byte_seconds + excluded.device_byte_seconds");
    const UsageAmounts& amounts = increment.amounts;
    bind_key(statement << hour, increment.deployment)
        << increment.revision << increment.flavor << amounts.requests << amounts.input_tokens
        << amounts.output_tokens << amounts.replica_seconds << amounts.device_byte_seconds;
    if (auto done = statement.run(); !done) return done;
  }
  const std::int64_t kept =
      std::chrono::duration_cast<std::chrono::microseconds>(bounds_.usage).count();
  if (auto done = (db_.prepare("DELETE FROM usage WHERE hour < ?") << latest - kept).run(); !done) {
    return done;
  }
  return transaction->commit();
}

Result<std::vector<UsageGroup>> SqliteStore::usage(const UsageQuery& query) {
  const std::lock_guard lock(mutex_);
  constexpr std::array<std::string_view, 6> kNames = {
      "workspace || '/' || model || '@' || environment",
      "workspace || '/' || model || '@' || environment || '#' || revision",
      "flavor",
      "workspace || '/' || environment",
      "strftime('%Y-%m-%d', hour / 1000000, 'unixepoch')",
      "strftime('%Y-%m-%dT%H', hour / 1000000, 'unixepoch')"};
  Statement statement = db_.prepare(fmt::format(
      "SELECT {} AS label, sum(requests), sum(input), sum(output), sum(replica_seconds), "
      "sum(device_byte_seconds) FROM usage WHERE hour >= ? AND hour < ? AND (? OR workspace = ?) "
      "GROUP BY label ORDER BY label",
      kNames[static_cast<std::size_t>(query.by)]));
  statement << to_micros(query.from) / kHour * kHour << to_micros(query.to) / kHour * kHour
            << !query.workspace << query.workspace.value_or("");
  return rows<UsageGroup>(statement, [](const Statement& row) {
    return UsageGroup{row.text(0),
                      {row.number(1), row.number(2), row.number(3), row.real(4), row.real(5)}};
  });
}

// ---- audit and settings

Result<void> SqliteStore::append_audit(const AuditEntry& entry) {
  Statement added =
      db_.prepare("INSERT INTO audit(at, who, action, resource, result) VALUES (?, ?, ?, ?, ?)");
  added << to_micros(entry.at) << entry.who << entry.action << entry.resource << entry.result;
  if (auto done = added.run(); !done) return done;
  Statement forgotten =
      db_.prepare("DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?");
  return (forgotten << static_cast<std::uint64_t>(bounds_.audit)).run();
}

Result<void> SqliteStore::add_audit(const AuditEntry& entry) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_);
  if (!transaction) return with(transaction.error());
  auto done = append_audit(entry);
  return done ? transaction->commit() : done;
}

Result<std::vector<AuditEntry>> SqliteStore::audit(std::optional<std::uint64_t> before,
                                                   std::size_t limit) {
  const std::lock_guard lock(mutex_);
  Statement statement = db_.prepare(
      "SELECT number, at, who, action, resource, result FROM audit WHERE ? OR number < ? ORDER BY "
      "number DESC LIMIT ?");
  statement << !before << before.value_or(0) << static_cast<std::uint64_t>(limit);
  return rows<AuditEntry>(statement, [](const Statement& row) {
    return AuditEntry{row.number(0), from_micros(row.integer(1)),
                      row.text(2),   row.text(3),
                      row.text(4),   row.text(5)};
  });
}

Result<void> SqliteStore::put_setting(std::string_view name, std::string_view value) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_);
  if (!transaction) return with(transaction.error());
  Statement statement = db_.prepare("INSERT OR REPLACE INTO setting VALUES (?, ?)");
  auto done = (statement << name << value).run();
  return done ? transaction->commit() : done;
}

Result<std::optional<std::string>> SqliteStore::setting(std::string_view name) {
  const std::lock_guard lock(mutex_);
  Statement statement = db_.prepare("SELECT value FROM setting WHERE name = ?");
  statement << name;
  const auto row = statement.step();
  if (!row) return with(row.error());
  return *row ? std::optional(statement.text(0)) : std::nullopt;
}

}  // namespace tenon::store
