#include "host/store/records.h"

#include <fmt/format.h>

#include <algorithm>

namespace tenon::store {

std::string_view to_string(Done done) {
  switch (done) {
    case Done::kCreated:
      return "created";
    case Done::kConfigured:
      return "configured";
    case Done::kUnchanged:
      return "unchanged";
    case Done::kDeleted:
      return "deleted";
  }
  return "unchanged";
}

ApplyError conflict_error(Conflict conflict) {
  const std::string name = to_string(conflict.key);
  ApplyError error;
  error.code = Code::kPrecondition;
  if (conflict.expected == 0) {
    error.message =
        fmt::format("{} exists already, with version {}; it was to be new", name, conflict.found);
  } else if (conflict.found == 0) {
    error.message = fmt::format("{} does not exist; a change of its version {} was asked for", name,
                                conflict.expected);
  } else {
    error.message = fmt::format(
        "{} has version {}, not {}: it was changed meanwhile; read it again and repeat the change",
        name, conflict.found, conflict.expected);
  }
  error.conflict = std::move(conflict);
  return error;
}

void add(Use& to, const Use& more) {
  for (const auto number : {&Use::requests, &Use::input_tokens, &Use::output_tokens,
                            &Use::replica_milliseconds, &Use::device_byte_seconds}) {
    to.*number = kMostUsed - std::min(to.*number, kMostUsed) <= more.*number
                     ? kMostUsed
                     : to.*number + more.*number;
  }
}

std::string label(const ApiKey& key) {
  return key.name.empty() ? "key " + key.id : fmt::format("key {} ({})", key.name, key.id);
}

std::string described(const ApiKey& key) {
  return fmt::format("{}, {} of {}", label(key), to_string(key.role),
                     key.workspace.empty() ? "all workspaces" : "workspace " + key.workspace);
}

Error no_key(std::string_view id) {
  return {Code::kNotFound, fmt::format("there is no key '{}': `tenon keys list` shows all", id)};
}

}  // namespace tenon::store
