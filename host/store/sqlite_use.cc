// The part of the store that keeps what was used.

#include <algorithm>

#include "host/store/columns.h"
#include "host/store/sqlite_store.h"

namespace tenon::store {
namespace {

std::uint64_t bounded(std::uint64_t number) {
  return std::min(number, kMostUsed);
}

}  // namespace

Result<void> SqliteStore::book(std::span<const TokenCount> counts, std::span<const Use> uses,
                               Time now) {
  const std::lock_guard lock(mutex_);
  auto transaction = Transaction::begin(db_);
  if (!transaction) return std::unexpected(transaction.error());
  Result<void> done;
  for (const TokenCount& count : counts) {
    if (done) done = put(count);
  }
  for (const Use& each : uses) {
    if (done) done = add(each);
  }
  const bool forgets = now >= use_forgotten_ + std::chrono::hours(1);
  if (done && forgets) done = forget_use(now);
  if (done) done = transaction->commit();
  if (done && forgets) use_forgotten_ = now;
  return done;
}

Result<void> SqliteStore::put(const TokenCount& count) {
  Statement statement = db_.prepare(
      "INSERT INTO token_count(kind, workspace, name, environment, policy, window_begin, "
      "window_end, input, output) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
      "window_begin = excluded.window_begin, window_end = excluded.window_end, "
      "input = excluded.input, output = excluded.output");
  return (bind_key(statement, count.owner)
          << count.policy << to_micros(count.begin) << to_micros(count.end) << bounded(count.input)
          << bounded(count.output))
      .run();
}

Result<void> SqliteStore::add(const Use& use) {
  Statement statement = db_.prepare(
      "INSERT INTO use(workspace, model, environment, hour, revision, flavor, requests, "
      "input_tokens, output_tokens, replica_milliseconds, device_byte_seconds) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO UPDATE SET "
      "requests = min(requests + ?7, ?12), input_tokens = min(input_tokens + ?8, ?12), "
      "output_tokens = min(output_tokens + ?9, ?12), "
      "replica_milliseconds = min(replica_milliseconds + ?10, ?12), "
      "device_byte_seconds = min(device_byte_seconds + ?11, ?12)");
  return (bind_key(statement, use.deployment)
          << to_micros(use.hour) << use.revision << use.flavor << bounded(use.requests)
          << bounded(use.input_tokens) << bounded(use.output_tokens)
          << bounded(use.replica_milliseconds) << bounded(use.device_byte_seconds) << kMostUsed)
      .run();
}

Result<void> SqliteStore::forget_use(Time now) {
  Statement counts = db_.prepare("DELETE FROM token_count WHERE window_end <= ?");
  if (auto done = (counts << to_micros(now)).run(); !done) return done;
  Statement uses = db_.prepare("DELETE FROM use WHERE hour < ?");
  return (uses << to_micros(now - bounds_.use)).run();
}

Result<std::vector<TokenCount>> SqliteStore::token_counts() {
  const std::lock_guard lock(mutex_);
  Statement statement = db_.prepare(
      "SELECT kind, workspace, name, environment, policy, window_begin, window_end, input, output "
      "FROM token_count");
  return rows<TokenCount>(statement, [](const Statement& row) {
    return TokenCount{
        key_of(row, 0), row.text(4),  from_micros(row.integer(5)), from_micros(row.integer(6)),
        row.number(7),  row.number(8)};
  });
}

Result<std::vector<Use>> SqliteStore::use(std::string_view workspace, Time from, Time to) {
  const std::lock_guard lock(reading_);
  Statement statement = reads_.prepare(
      "SELECT workspace, model, environment, hour, revision, flavor, requests, input_tokens, "
      "output_tokens, replica_milliseconds, device_byte_seconds FROM use "
      "WHERE workspace = ? AND hour >= ? AND hour < ? ORDER BY hour, model, environment, revision, "
      "flavor");
  statement << workspace << to_micros(from) << to_micros(to);
  return rows<Use>(statement, [](const Statement& row) {
    return Use{.hour = from_micros(row.integer(3)),
               .deployment = deployment_of(row, 0),
               .revision = row.number(4),
               .flavor = row.text(5),
               .requests = row.number(6),
               .input_tokens = row.number(7),
               .output_tokens = row.number(8),
               .replica_milliseconds = row.number(9),
               .device_byte_seconds = row.number(10)};
  });
}

}  // namespace tenon::store
