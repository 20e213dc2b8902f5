#include "host/store/sqlite_store.h"

#include <fmt/format.h>

#include "host/store/columns.h"
#include "host/store/schema.h"

namespace tenon::store {

SqliteStore::SqliteStore(Database db, Database reads, std::unique_ptr<StoreLock> lock,
                         Bounds bounds)
    : lock_(std::move(lock)), db_(std::move(db)), reads_(std::move(reads)), bounds_(bounds) {}

SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& file, Bounds bounds) {
  auto lock = StoreLock::take(file);
  if (!lock) return std::unexpected(lock.error());
  auto db = Database::open(file);
  if (!db) return std::unexpected(db.error());
  if (auto migrated = migrate(*db); !migrated) return std::unexpected(migrated.error());
  auto reads = Database::open_to_read(file);
  if (!reads) return std::unexpected(reads.error());
  return std::unique_ptr<SqliteStore>(
      new SqliteStore(*std::move(db), *std::move(reads), *std::move(lock), bounds));
}

Result<std::uint64_t> SqliteStore::version() {
  Statement statement = db_.prepare("SELECT version FROM state");
  const auto row = statement.step();
  if (!row) return std::unexpected(row.error());
  return statement.number(0);
}

std::expected<std::vector<Outcome>, ApplyError> SqliteStore::apply(std::span<const Change> changes,
                                                                   const Author& author) {
  const std::lock_guard lock(mutex_);
  const auto failed = [](const Error& error) { return std::unexpected(ApplyError{error, {}}); };
  auto transaction = Transaction::begin(db_);
  if (!transaction) return failed(transaction.error());
  const auto last = version();
  if (!last) return failed(last.error());
  std::uint64_t now = *last;
  std::vector<Outcome> outcomes;
  outcomes.reserve(changes.size());
  for (const Change& change : changes) {
    auto outcome = apply_one(change, author, now + 1);
    if (!outcome) return std::unexpected(std::move(outcome.error()));
    if (outcome->done != Done::kUnchanged) ++now;
    outcomes.push_back(*outcome);
  }
  if (now == *last) return outcomes;
  if (auto set = (db_.prepare("UPDATE state SET version = ?") << now).run(); !set) {
    return failed(set.error());
  }
  if (auto done = transaction->commit(); !done) return failed(done.error());
  return outcomes;
}

std::expected<Outcome, ApplyError> SqliteStore::apply_one(const Change& change,
                                                          const Author& author,
                                                          std::uint64_t version) {
  const auto failed = [](const Error& error) { return std::unexpected(ApplyError{error, {}}); };
  const auto found = find(change.key);
  if (!found) return failed(found.error());
  const std::uint64_t has = *found ? (*found)->version : 0;
  if (change.expected && *change.expected != has) {
    return std::unexpected(conflict_error({change.key, *change.expected, has}));
  }
  Outcome outcome{Done::kUnchanged, has, 0};
  const bool remove = change.verb == Change::Verb::kRemove;
  Result<void> done;
  if (remove) {
    if (!*found) return outcome;
    outcome = {Done::kDeleted, version, 0};
    Statement gone = db_.prepare(
        "DELETE FROM resource WHERE kind = ? AND workspace = ? AND name = ? AND environment = ?");
    done = bind_key(gone, change.key).run();
  } else if (*found && (*found)->document == change.document &&
             (*found)->managed_by == change.managed_by && change.revision.empty()) {
    return outcome;
  } else {
    outcome = {*found ? Done::kConfigured : Done::kCreated, version, 0};
    Statement put = db_.prepare(
        "INSERT INTO resource(kind, workspace, name, environment, version, managed_by, created_by, "
        "updated_by, created_at, updated_at, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, "
        "?8, ?9) ON CONFLICT DO UPDATE SET version = ?5, managed_by = ?6, updated_by = ?7, "
        "updated_at = ?8, document = ?9");
    done = (bind_key(put, change.key)
            << version << change.managed_by << author.by << to_micros(author.at) << change.document)
               .run();
    if (done && !change.revision.empty()) {
      auto number = begin_revision(change, author);
      if (!number) return failed(number.error());
      outcome.revision = *number;
    }
  }
  if (done) {
    done = append_audit(
        {0, author.at, author.by, std::string(to_string(outcome.done)), to_string(change.key)});
  }
  if (!done) return failed(done.error());
  return outcome;
}

Result<std::optional<Resource>> SqliteStore::find(const ResourceKey& key) {
  Statement statement = db_.prepare(
      "SELECT * FROM resource WHERE kind = ? AND workspace = ? AND name = ? AND environment = ?");
  bind_key(statement, key);
  const auto row = statement.step();
  if (!row) return std::unexpected(row.error());
  return *row ? std::optional(resource_of(statement)) : std::nullopt;
}

Result<Page> SqliteStore::list(Kind kind, const std::optional<ResourceKey>& after,
                               std::size_t limit) {
  const std::lock_guard lock(mutex_);
  Page page;
  const auto now = version();
  if (!now) return std::unexpected(now.error());
  page.version = *now;
  const ResourceKey from = after.value_or(ResourceKey{kind, "", "", ""});
  Statement statement = db_.prepare(
      "SELECT * FROM resource WHERE kind = ? AND (workspace, name, environment) > (?, ?, ?) "
      "ORDER BY workspace, name, environment LIMIT ?");
  statement << static_cast<std::int64_t>(kind) << from.workspace << from.name << from.environment
            << static_cast<std::uint64_t>(limit + 1);
  for (;;) {
    const auto row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return page;
    if (page.items.size() == limit) break;
    page.items.push_back(resource_of(statement));
  }
  page.more = true;
  return page;
}

Result<std::uint64_t> SqliteStore::begin_revision(const Change& change, const Author& author) {
  const DeploymentKey key = deployment_key(change.key);
  Statement last = db_.prepare(
      "SELECT max(number) FROM revision WHERE workspace = ? AND model = ? AND environment = ?");
  const auto row = bind_key(last, key).step();
  if (!row) return std::unexpected(row.error());
  const std::uint64_t number = last.number(0) + 1;
  Statement added = db_.prepare(
      "INSERT INTO revision(workspace, model, environment, number, document, created_at) VALUES "
      "(?, ?, ?, ?, ?, ?)");
  auto done = (bind_key(added, key) << number << change.revision << to_micros(author.at)).run();
  if (done && number > bounds_.revisions) {
    Statement forgotten = db_.prepare(
        "DELETE FROM revision WHERE workspace = ? AND model = ? AND environment = ? AND number <= "
        "? AND number != ? AND number != (SELECT coalesce(max(number), 0) FROM revision AS r WHERE "
        "r.workspace = ?1 AND r.model = ?2 AND r.environment = ?3 AND served)");
    done = (bind_key(forgotten, key) << number - bounds_.revisions << change.keeps).run();
  }
  if (!done) return std::unexpected(done.error());
  return number;
}

Result<std::map<DeploymentKey, std::uint64_t>> SqliteStore::newest_revisions() {
  const std::lock_guard lock(mutex_);
  return last_revisions("TRUE");
}

Result<std::map<DeploymentKey, std::uint64_t>> SqliteStore::served_revisions() {
  const std::lock_guard lock(mutex_);
  return last_revisions("served");
}

Result<void> SqliteStore::mark_served(const DeploymentKey& key, std::uint64_t revision) {
  const std::lock_guard lock(mutex_);
  Statement marked = db_.prepare(
      "UPDATE revision SET served = 1 WHERE workspace = ? AND model = ? AND environment = ? AND "
      "number = ? AND NOT served");
  return (bind_key(marked, key) << revision).run();
}

Result<std::map<DeploymentKey, std::uint64_t>> SqliteStore::last_revisions(std::string_view which) {
  Statement statement = db_.prepare(fmt::format(
      "SELECT workspace, model, environment, max(number) FROM revision WHERE {} GROUP BY 1, 2, 3",
      which));
  std::map<DeploymentKey, std::uint64_t> out;
  for (;;) {
    const auto row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return out;
    out.emplace_hint(out.end(), deployment_of(statement, 0), statement.number(3));
  }
}

Result<std::vector<Revision>> SqliteStore::revisions(const DeploymentKey& key) {
  const std::lock_guard lock(reading_);
  Statement statement = reads_.prepare(
      "SELECT number, document, created_at FROM revision WHERE workspace = ? AND model = ? AND "
      "environment = ? ORDER BY number DESC");
  bind_key(statement, key);
  return rows<Revision>(statement, [](const Statement& row) {
    return Revision{row.number(0), row.text(1), from_micros(row.integer(2))};
  });
}

Result<void> SqliteStore::append_audit(const AuditEntry& entry) {
  Statement added =
      db_.prepare("INSERT INTO audit(at, who, action, resource, result) VALUES (?, ?, ?, ?, ?)");
  added << to_micros(entry.at) << entry.who << entry.action << entry.resource << entry.result;
  if (auto done = added.run(); !done) return done;
  Statement forgotten =
      db_.prepare("DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?");
  return (forgotten << static_cast<std::uint64_t>(bounds_.audit)).run();
}

Result<void> SqliteStore::add_audit(std::span<const AuditEntry> entries) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_);
  if (!transaction) return std::unexpected(transaction.error());
  for (const AuditEntry& entry : entries) {
    if (auto done = append_audit(entry); !done) return done;
  }
  return transaction->commit();
}

Result<std::vector<AuditEntry>> SqliteStore::audit(std::optional<std::uint64_t> before,
                                                   std::size_t limit) {
  const std::lock_guard lock(reading_);
  Statement statement = reads_.prepare(
      "SELECT number, at, who, action, resource, result FROM audit WHERE ? OR number < ? ORDER BY "
      "number "
      "DESC LIMIT ?");
  statement << !before << before.value_or(0) << static_cast<std::uint64_t>(limit);
  return rows<AuditEntry>(statement, [](const Statement& row) {
    return AuditEntry{row.number(0), from_micros(row.integer(1)),
                      row.text(2),   row.text(3),
                      row.text(4),   row.text(5)};
  });
}

}  // namespace tenon::store
