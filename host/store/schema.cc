#include "host/store/schema.h"

#include <fmt/format.h>

#include <array>

namespace tenon::store {
namespace {

constexpr std::int64_t kApplication = 0x54454E4F;  // "TENO"

// Step N brings a store of version N to version N + 1. Never edited once released: add one.
// Times are microseconds since 1970. Kind 4 is that of deployments (tenon::Kind).
constexpr std::array<std::string_view, 6> kSteps = {
    R"sql(
CREATE TABLE state(version INTEGER NOT NULL) STRICT;
INSERT INTO state VALUES (0);

CREATE TABLE resource(
  kind INTEGER NOT NULL, workspace TEXT NOT NULL, name TEXT NOT NULL, environment TEXT NOT NULL,
  version INTEGER NOT NULL UNIQUE, managed_by TEXT NOT NULL,
  created_by TEXT NOT NULL, updated_by TEXT NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (kind, workspace, name, environment)) STRICT, WITHOUT ROWID;

CREATE TABLE revision(
  kind INTEGER NOT NULL DEFAULT 4 CHECK (kind = 4),
  workspace TEXT NOT NULL, model TEXT NOT NULL, environment TEXT NOT NULL,
  number INTEGER NOT NULL, document TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY (workspace, model, environment, number),
  FOREIGN KEY (kind, workspace, model, environment)
    REFERENCES resource(kind, workspace, name, environment) ON DELETE CASCADE)
  STRICT, WITHOUT ROWID;

CREATE TABLE audit(
  number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL,
  action TEXT NOT NULL, resource TEXT NOT NULL) STRICT;
)sql",
    R"sql(
CREATE TABLE api_key(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  workspace TEXT NOT NULL, role TEXT NOT NULL,
  sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
  created_at INTEGER NOT NULL, expires_at INTEGER, last_used_at INTEGER) STRICT;

-- Stays true when all keys are gone.
ALTER TABLE state ADD COLUMN keys_were_created INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN result TEXT NOT NULL DEFAULT 'ok';
)sql",
    R"sql(
CREATE TABLE token_count(
  kind INTEGER NOT NULL, workspace TEXT NOT NULL, name TEXT NOT NULL, environment TEXT NOT NULL,
  policy TEXT NOT NULL, window_begin INTEGER NOT NULL, window_end INTEGER NOT NULL,
  input INTEGER NOT NULL, output INTEGER NOT NULL,
  PRIMARY KEY (kind, workspace, name, environment, policy)) STRICT, WITHOUT ROWID;

CREATE TABLE use(
  workspace TEXT NOT NULL, hour INTEGER NOT NULL, model TEXT NOT NULL, environment TEXT NOT NULL,
  revision INTEGER NOT NULL, flavor TEXT NOT NULL, requests INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  replica_milliseconds INTEGER NOT NULL, device_byte_seconds INTEGER NOT NULL,
  PRIMARY KEY (workspace, hour, model, environment, revision, flavor)) STRICT, WITHOUT ROWID;
)sql",
    R"sql(
CREATE TABLE event(
  kind INTEGER NOT NULL DEFAULT 4 CHECK (kind = 4),
  workspace TEXT NOT NULL, model TEXT NOT NULL, environment TEXT NOT NULL,
  number INTEGER NOT NULL, at INTEGER NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
  revision INTEGER NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (workspace, model, environment, number),
  FOREIGN KEY (kind, workspace, model, environment)
    REFERENCES resource(kind, workspace, name, environment) ON DELETE CASCADE)
  STRICT, WITHOUT ROWID;
)sql",
    R"sql(
ALTER TABLE revision ADD COLUMN served INTEGER NOT NULL DEFAULT 0;
)sql",
    R"sql(
ALTER TABLE api_key ADD COLUMN requests_per_second INTEGER NOT NULL DEFAULT 0;
)sql"};

Result<std::int64_t> pragma(Database& db, std::string_view name) {
  Statement statement = db.prepare(fmt::format("PRAGMA {}", name));
  const auto row = statement.step();
  if (!row) return std::unexpected(row.error());
  return *row ? statement.integer(0) : 0;
}

constexpr auto kNewest = static_cast<std::int64_t>(kSteps.size());

// Of a store; 0 when it is empty.
Result<std::int64_t> version_of(Database& db) {
  const auto application = pragma(db, "application_id");
  const auto version = pragma(db, "user_version");
  if (!application || !version)
    return std::unexpected((application ? version : application).error());
  if (*application != kApplication && (*application != 0 || *version != 0)) {
    return fail(Code::kPrecondition, fmt::format("{} is a database of another program", db.file()));
  }
  if (*version > kNewest) {
    return fail(Code::kPrecondition,
                fmt::format("{} was written by a later version of Tenon: its schema has version "
                            "{}, this program knows up to {}. Run that version, or move the file "
                            "away to begin anew",
                            db.file(), *version, kNewest));
  }
  return *version;
}

}  // namespace

Result<void> migrate(Database& db) {
  // What is read often the control plane keeps itself, so little is cached here: 256 kB.
  auto prepared = db.execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
      "PRAGMA cache_size=-256");
  if (!prepared) {
    return fail(Code::kInternal,
                fmt::format("{} is no store of Tenon, or it is damaged ({}): move it "
                            "away to begin anew",
                            db.file(), prepared.error().message));
  }
  auto transaction = Transaction::begin(db);
  if (!transaction) return std::unexpected(transaction.error());
  const auto version = version_of(db);
  if (!version) return std::unexpected(version.error());
  for (auto step = *version; step < kNewest; ++step) {
    auto done = db.execute(kSteps[static_cast<std::size_t>(step)]);
    if (!done) return done;
  }
  if (*version == kNewest) return {};
  auto marked = db.execute(
      fmt::format("PRAGMA application_id={}; PRAGMA user_version={}", kApplication, kNewest));
  return marked ? transaction->commit() : marked;
}

Result<void> check(Database& db) {
  const auto damaged = [&](std::string_view what) {
    return fail(Code::kPrecondition,
                fmt::format("{} is no store of Tenon, or it is damaged: {}", db.file(), what));
  };
  Statement statement = db.prepare("PRAGMA integrity_check(1)");
  const auto row = statement.step();
  if (!row) return damaged(row.error().message);
  if (statement.text(0) != "ok") return damaged(statement.text(0));
  const auto version = version_of(db);
  if (!version) return std::unexpected(version.error());
  if (*version == 0) return damaged("it is empty");
  return {};
}

}  // namespace tenon::store
