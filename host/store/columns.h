#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "host/store/database.h"
#include "host/store/records.h"

// Between rows and values.
namespace tenon::store {

inline std::int64_t to_micros(Time time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}
inline Time from_micros(std::int64_t micros) {
  return Time(std::chrono::duration_cast<Time::duration>(std::chrono::microseconds(micros)));
}

inline Statement& bind_time(Statement& statement, const std::optional<Time>& time) {
  return time ? statement << to_micros(*time) : statement << nullptr;
}
inline std::optional<Time> time_of(const Statement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(from_micros(row.integer(column)));
}

// Bind the columns of a key, and give the statement back.
inline Statement& bind_key(Statement& statement, const ResourceKey& key) {
  return statement << static_cast<std::int64_t>(key.kind) << key.workspace << key.name
                   << key.environment;
}
inline Statement& bind_key(Statement& statement, const DeploymentKey& key) {
  return statement << key.workspace << key.model << key.environment;
}

// From kind, workspace, name, environment in columns that follow each other.
inline ResourceKey key_of(const Statement& row, int column) {
  return {static_cast<Kind>(row.integer(column)), row.text(column + 1), row.text(column + 2),
          row.text(column + 3)};
}
inline DeploymentKey deployment_of(const Statement& row, int column) {
  return {row.text(column), row.text(column + 1), row.text(column + 2)};
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

// From a whole row of the table.
inline Resource resource_of(const Statement& row) {
  return {.key = key_of(row, 0),
          .version = row.number(4),
          .managed_by = row.text(5),
          .created_by = row.text(6),
          .updated_by = row.text(7),
          .created_at = from_micros(row.integer(8)),
          .updated_at = from_micros(row.integer(9)),
          .document = row.text(10)};
}

}  // namespace tenon::store
