// The store as a file: opening, locking, copying; resources and what goes with a change of them.

#include "host/store/sqlite_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "host/store/columns.h"
#include "host/store/schema.h"

namespace tenon::store {

// A file beside the store whose lock says that a host has it, and that names its process.
class SqliteStore::Lock {
 public:
  static Result<std::unique_ptr<Lock>> take(const std::string& store) {
    const std::string file = store + ".lock";
    auto lock = std::make_unique<Lock>();
    lock->fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock->fd_ < 0) {
      return fail(Code::kUnavailable, fmt::format("{}: {}", file, std::strerror(errno)));
    }
    if (::flock(lock->fd_, LOCK_EX | LOCK_NB) != 0) {
      char pid[32] = {};
      const ssize_t size = ::pread(lock->fd_, pid, sizeof pid - 1, 0);
      return fail(
          Code::kPrecondition,
          fmt::format("{} is in use by a host, process {}: stop it first", store,
                      std::string_view(pid, size > 0 ? static_cast<std::size_t>(size) : 0)));
    }
    const std::string pid = std::to_string(::getpid());
    if (::ftruncate(lock->fd_, 0) != 0 ||
        ::pwrite(lock->fd_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
      return fail(Code::kExhausted, fmt::format("{}: {}", file, std::strerror(errno)));
    }
    return lock;
  }
  Lock() = default;
  Lock(const Lock&) = delete;
  ~Lock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  int fd_ = -1;
};

namespace {

// Copies a database page by page and checks the copy.
Result<void> copy(sqlite3* from, const std::string& to) {
  auto copied = Database::open(to);
  if (!copied) return std::unexpected(copied.error());
  sqlite3_backup* backup = sqlite3_backup_init(copied->handle(), "main", from, "main");
  if (!backup)
    return fail(Code::kInternal, fmt::format("{}: {}", to, sqlite3_errmsg(copied->handle())));
  sqlite3_backup_step(backup, -1);
  if (sqlite3_backup_finish(backup) != SQLITE_OK) {
    return fail(Code::kExhausted, fmt::format("{}: {}", to, sqlite3_errmsg(copied->handle())));
  }
  Statement check = copied->prepare("PRAGMA integrity_check");
  const auto row = check.step();
  if (!row) return std::unexpected(row.error());
  const std::string found = check.text(0);
  if (found == "ok") return {};
  return fail(Code::kInternal, fmt::format("{}: the copy is damaged: {}", to, found));
}

}  // namespace

SqliteStore::SqliteStore(Database db, std::unique_ptr<Lock> lock, Bounds bounds)
    : db_(std::move(db)), lock_(std::move(lock)), bounds_(bounds) {}

SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& file, Bounds bounds) {
  auto lock = Lock::take(file);
  if (!lock) return std::unexpected(lock.error());
  auto db = Database::open(file);
  if (!db) return std::unexpected(db.error());
  if (auto migrated = migrate(*db); !migrated) return std::unexpected(migrated.error());
  return std::unique_ptr<SqliteStore>(new SqliteStore(*std::move(db), *std::move(lock), bounds));
}

Result<void> SqliteStore::backup(const std::string& to) {
  if (::access(to.c_str(), F_OK) == 0) {
    return fail(Code::kPrecondition, fmt::format("{} exists: name a new file", to));
  }
  // A connection of its own, so that changes go on meanwhile.
  auto reader = Database::open(db_.file(), true);
  if (!reader) return std::unexpected(reader.error());
  auto done = copy(reader->handle(), to);
  if (!done) ::unlink(to.c_str());
  return done;
}

Result<void> SqliteStore::restore(const std::string& backup, const std::string& file) {
  auto lock = Lock::take(file);
  if (!lock) return std::unexpected(lock.error());
  auto from = Database::open(backup, true);
  if (!from) return std::unexpected(from.error());
  const std::string fresh = file + ".restoring";
  ::unlink(fresh.c_str());
  if (auto done = copy(from->handle(), fresh); !done) return done;
  {
    auto copied = Database::open(fresh, true);
    if (!copied) return std::unexpected(copied.error());
    if (auto known = migrate(*copied); !known) return known;
    if (auto whole = copied->execute("PRAGMA journal_mode=DELETE"); !whole) return whole;
  }
  for (const char* part : {"-wal", "-shm"}) ::unlink((file + part).c_str());
  if (std::rename(fresh.c_str(), file.c_str()) != 0) {
    return fail(Code::kExhausted, fmt::format("{}: {}", file, std::strerror(errno)));
  }
  return {};
}

Result<std::uint64_t> SqliteStore::counter(std::string_view name) {
  Statement statement = db_.prepare("SELECT value FROM counter WHERE name = ?");
  statement << name;
  const auto row = statement.step();
  if (!row) return std::unexpected(row.error());
  return *row ? statement.number(0) : 0;
}

Result<void> SqliteStore::set_counter(std::string_view name, std::uint64_t value) {
  return (db_.prepare("UPDATE counter SET value = ? WHERE name = ?") << value << name).run();
}

std::expected<std::vector<Outcome>, ApplyError> SqliteStore::apply(std::span<const Change> changes,
                                                                   const Author& author) {
  const std::lock_guard lock(mutex_);
  const auto failed = [](const Error& error) { return std::unexpected(ApplyError{error, {}}); };
  auto transaction = Transaction::begin(db_);
  if (!transaction) return failed(transaction.error());
  const auto last = counter("version");
  if (!last) return failed(last.error());
  std::uint64_t version = *last;
  std::vector<Outcome> outcomes;
  outcomes.reserve(changes.size());
  for (const Change& change : changes) {
    auto outcome = apply_one(change, author, version + 1);
    if (!outcome) return std::unexpected(std::move(outcome.error()));
    if (outcome->done != Done::kUnchanged) ++version;
    outcomes.push_back(*outcome);
  }
  if (version == *last) return outcomes;
  if (auto set = set_counter("version", version); !set) return failed(set.error());
  if (auto swept = forget_old_removals(); !swept) return failed(swept.error());
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
    Statement noted = db_.prepare(
        "INSERT INTO removal(version, kind, workspace, name, environment) VALUES (?, ?, ?, ?, ?)");
    done = bind_key(gone, change.key).run();
    if (done) done = bind_key(noted << version, change.key).run();
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
    done = append_audit({0, author.at, author.by, std::string(to_string(outcome.done)),
                         to_string(change.key), "ok"});
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

Result<std::optional<Resource>> SqliteStore::get(const ResourceKey& key) {
  const std::lock_guard lock(mutex_);
  return find(key);
}

Result<Page> SqliteStore::list(const ListQuery& query) {
  const std::lock_guard lock(mutex_);
  Page page;
  const auto version = counter("version");
  if (!version) return std::unexpected(version.error());
  page.version = *version;
  const ResourceKey after = query.after.value_or(ResourceKey{query.kind, "", "", ""});
  Statement statement = db_.prepare(
      "SELECT * FROM resource WHERE kind = ?1 AND (workspace, name, environment) > (?2, ?3, ?4) "
      "AND (?5 OR workspace = ?6) AND substr(name, 1, length(?7)) = ?7 "
      "ORDER BY workspace, name, environment LIMIT ?8");
  statement << static_cast<std::int64_t>(query.kind) << after.workspace << after.name
            << after.environment << !query.workspace << query.workspace.value_or("") << query.prefix
            << static_cast<std::uint64_t>(query.limit + 1);
  for (;;) {
    const auto row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return page;
    if (page.items.size() == query.limit) break;
    page.items.push_back(resource_of(statement));
  }
  page.more = true;
  return page;
}

Result<Changes> SqliteStore::changes_since(std::uint64_t since, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  Changes out;
  const auto version = counter("version");
  const auto forgotten = counter("forgotten");
  if (!version || !forgotten) return std::unexpected((version ? forgotten : version).error());
  out.version = *version;
  out.too_old = since < *forgotten;
  if (out.too_old) return out;
  // Both in one order, so that `limit` cuts at a version.
  Statement statement = db_.prepare(
      "SELECT version, kind, workspace, name, environment, 0 FROM resource WHERE version > ?1 "
      "UNION ALL SELECT version, kind, workspace, name, environment, 1 FROM removal WHERE version "
      "> ?1 ORDER BY 1 LIMIT ?2");
  statement << since << static_cast<std::uint64_t>(limit + 1);
  std::uint64_t told = since;
  for (;;) {
    const auto row = statement.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return out;
    if (out.put.size() + out.removed.size() == limit) break;
    told = statement.number(0);
    const ResourceKey key = key_of(statement, 1);
    if (statement.integer(5) == 1) {
      out.removed.push_back({key, told});
    } else {
      auto resource = find(key);
      if (!resource) return std::unexpected(resource.error());
      if (*resource) out.put.push_back(**std::move(resource));
    }
  }
  out.version = told;
  return out;
}

Result<void> SqliteStore::forget_old_removals() {
  Statement oldest =
      db_.prepare("SELECT version FROM removal ORDER BY version DESC LIMIT 1 OFFSET ?");
  oldest << static_cast<std::uint64_t>(bounds_.removals);
  const auto row = oldest.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return {};
  const std::uint64_t version = oldest.number(0);
  if (auto gone = (db_.prepare("DELETE FROM removal WHERE version <= ?") << version).run(); !gone) {
    return gone;
  }
  return set_counter("forgotten", version);
}

}  // namespace tenon::store
