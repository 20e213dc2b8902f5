#include "host/store/records.h"

#include <fmt/format.h>

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

UsageAmounts& UsageAmounts::operator+=(const UsageAmounts& more) {
  requests += more.requests;
  input_tokens += more.input_tokens;
  output_tokens += more.output_tokens;
  replica_seconds += more.replica_seconds;
  device_byte_seconds += more.device_byte_seconds;
  return *this;
}

Error no_deployment(const DeploymentKey& key) {
  return {Code::kNotFound, fmt::format("there is no deployment {}", to_string(key))};
}

Error no_revision(const DeploymentKey& key, std::uint64_t number) {
  return {Code::kNotFound, fmt::format("deployment {} has no revision {}", to_string(key), number)};
}

Error no_key(std::string_view id) {
  return {Code::kNotFound, fmt::format("there is no API key \"{}\"", id)};
}

Error key_exists(std::string_view id) {
  return {Code::kPrecondition,
          fmt::format("an API key \"{}\", or one with its secret, exists already", id)};
}

ResourceKey resource_key(const DeploymentKey& key) {
  return {Kind::kDeployment, key.workspace, key.model, key.environment};
}

}  // namespace tenon::store
