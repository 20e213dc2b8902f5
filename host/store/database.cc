#include "host/store/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace tenon::store {
namespace {

std::string free_space(const char* file) {
  struct statvfs disk{};
  if (!file || ::statvfs(file, &disk) != 0) return {};
  return fmt::format("; {} MB are free there",
                     static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize / 1'000'000);
}

Error error_of(sqlite3* db) {
  const char* file = sqlite3_db_filename(db, "main");
  const std::string said = fmt::format("{}: {}", file ? file : "store", sqlite3_errmsg(db));
  switch (sqlite3_errcode(db)) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return {Code::kExhausted, said + free_space(file) + ". Nothing of this change was stored",
              true};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::kUnavailable, said, true};
    case SQLITE_CONSTRAINT:
      return {Code::kPrecondition, said};
    default:
      return {Code::kInternal, said};
  }
}

}  // namespace

Statement::~Statement() {
  if (!statement_) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Statement& Statement::operator<<(std::string_view text) {
  sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
  return *this;
}

Statement& Statement::operator<<(std::int64_t number) {
  sqlite3_bind_int64(statement_, ++bound_, number);
  return *this;
}

Statement& Statement::operator<<(std::uint64_t number) {
  return *this << static_cast<std::int64_t>(number);
}

Statement& Statement::operator<<(std::span<const std::byte> bytes) {
  sqlite3_bind_blob64(statement_, ++bound_, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::operator<<(std::nullptr_t) {
  sqlite3_bind_null(statement_, ++bound_);
  return *this;
}

Result<bool> Statement::step() {
  if (!statement_) return std::unexpected(error_of(db_));
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return std::unexpected(error_of(db_));
  }
}

Result<void> Statement::run() {
  auto more = step();
  while (more && *more) more = step();
  if (!more) return std::unexpected(more.error());
  return {};
}

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return data
             ? std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)))
             : std::string();
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::span<const std::byte> Statement::bytes(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void Database::Close::operator()(sqlite3* db) const {
  sqlite3_close_v2(db);
}

void Database::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<Database> Database::open(const std::string& file) {
  // For its owner only: it holds secrets. SQLite's own files follow it.
  const int fd = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
  return connect(file);
}

// Nothing but SQLite may open and close a file that it has locked: that would undo its locks.
Result<Database> Database::open_to_read(const std::string& file) {
  auto database = connect(file);
  if (!database) return database;
  auto prepared = database->execute("PRAGMA query_only=ON; PRAGMA cache_size=-64");
  if (!prepared) return std::unexpected(prepared.error());
  return database;
}

Result<Database> Database::connect(const std::string& file) {
  Database database(file);
  sqlite3* db = nullptr;
  const int result =
      sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  database.db_.reset(db);
  if (result != SQLITE_OK) {
    return fail(Code::kUnavailable, fmt::format("{}: {}", file, sqlite3_errstr(result)));
  }
  sqlite3_busy_timeout(db, 5'000);
  return database;
}

Statement Database::prepare(std::string_view sql) {
  auto& kept = statements_[std::string(sql)];
  if (!kept) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                       SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    kept.reset(statement);
  }
  return {db_.get(), kept.get()};
}

Result<void> Database::execute(std::string_view sql) {
  if (sqlite3_exec(db_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) {
    return {};
  }
  return std::unexpected(error_of(db_.get()));
}

Result<Transaction> Transaction::begin(Database& db) {
  const auto begun = db.execute("BEGIN IMMEDIATE");
  if (!begun) return std::unexpected(begun.error());
  return Transaction(db);
}

Transaction::~Transaction() {
  if (db_ && !sqlite3_get_autocommit(db_->handle())) (void)db_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  auto done = db_->execute("COMMIT");
  if (done) db_ = nullptr;
  return done;
}

}  // namespace tenon::store
