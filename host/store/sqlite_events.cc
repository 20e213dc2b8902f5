// The part of the store that keeps what happened to deployments.

#include "host/store/columns.h"
#include "host/store/sqlite_store.h"

namespace tenon::store {

Result<void> SqliteStore::add_events(std::span<const Event> events) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_);
  if (!transaction) return std::unexpected(transaction.error());
  for (const Event& event : events) {
    if (auto done = append(event); !done) return done;
  }
  return transaction->commit();
}

Result<void> SqliteStore::append(const Event& event) {
  Statement added = db_.prepare(
      "INSERT INTO event(workspace, model, environment, number, at, type, status, revision, "
      "message) SELECT ?1, ?2, ?3, 1 + coalesce((SELECT max(number) FROM event WHERE workspace = "
      "?1 AND model = ?2 AND environment = ?3), 0), ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM "
      "resource WHERE kind = 4 AND workspace = ?1 AND name = ?2 AND environment = ?3)");
  bind_key(added, event.deployment)
      << to_micros(event.at) << event.type << event.status << event.revision << event.message;
  if (auto done = added.run(); !done) return done;
  Statement forgotten = db_.prepare(
      "DELETE FROM event WHERE workspace = ?1 AND model = ?2 AND environment = ?3 AND number <= "
      "(SELECT max(number) FROM event WHERE workspace = ?1 AND model = ?2 AND environment = ?3) - "
      "?4");
  return (bind_key(forgotten, event.deployment) << static_cast<std::uint64_t>(bounds_.events))
      .run();
}

Result<std::vector<Event>> SqliteStore::events(const DeploymentKey& key) {
  const std::lock_guard lock(reading_);
  Statement statement = reads_.prepare(
      "SELECT at, type, status, revision, message FROM event WHERE workspace = ? AND model = ? AND "
      "environment = ? ORDER BY number");
  bind_key(statement, key);
  return rows<Event>(statement, [&key](const Statement& row) {
    return Event{key,        from_micros(row.integer(0)), row.text(1), row.text(2), row.number(3),
                 row.text(4)};
  });
}

}  // namespace tenon::store
