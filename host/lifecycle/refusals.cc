#include "host/lifecycle/refusals.h"

#include <fmt/format.h>

#include "host/domain/api_error.h"

namespace tenon::lifecycle {
namespace {

Refusal refuse(const ApiError& api, Code code, std::string message, unsigned retry_after = 0) {
  Refusal refusal;
  refusal.error = {code, std::move(message), api.retryable};
  refusal.reason = api.code;
  refusal.status = api.status;
  refusal.retry_after = retry_after;
  return refusal;
}

}  // namespace

Refusal unknown_workspace(std::string_view workspace) {
  return refuse(api::kWorkspaceNotFound, Code::kNotFound,
                fmt::format("there is no workspace \"{}\" on this host", workspace));
}

Refusal unknown_model(std::string_view workspace, std::string_view model) {
  return refuse(api::kWorkloadNotFound, Code::kNotFound,
                fmt::format("workspace \"{}\" has no model \"{}\"", workspace, model));
}

Refusal unknown_environment(std::string_view model, std::string_view environment,
                            std::string_view known) {
  return refuse(
      api::kWorkloadNotFound, Code::kNotFound,
      fmt::format("model \"{}\" has no deployment in environment \"{}\"; it has one in {}", model,
                  environment, known));
}

Refusal removed(const DeploymentKey& key) {
  return refuse(api::kWorkloadNotFound, Code::kNotFound,
                fmt::format("deployment {} was removed", to_string(key)));
}

Refusal deactivated(const DeploymentKey& key) {
  return refuse(
      api::kDeactivated, Code::kPrecondition,
      fmt::format("deployment {} is deactivated; it answers once it is activated", to_string(key)));
}

Refusal forbidden(const DeploymentKey& key, std::string_view reason) {
  return refuse(api::kPolicyViolation, Code::kPrecondition,
                fmt::format("policies do not let deployment {} run: {}", to_string(key), reason));
}

Refusal stopping() {
  return refuse(api::kStopping, Code::kUnavailable, "the host is stopping", 1);
}

Refusal over_budget(const metering::OverBudget& over, metering::sys_seconds now) {
  return refuse(api::kTokenLimit, Code::kExhausted, metering::to_string(over),
                static_cast<unsigned>((over.until - now).count()));
}

Refusal queue_full(const DeploymentKey& key, unsigned limit) {
  return refuse(api::kQueueFull, Code::kExhausted,
                fmt::format("{} requests already wait for deployment {}, as many as its limit "
                            "`queue` allows",
                            limit, to_string(key)),
                1);
}

Refusal waited_too_long(const DeploymentKey& key, std::chrono::milliseconds waited,
                        const Progress& progress) {
  Refusal refusal = refuse(
      api::kUnavailable, Code::kUnavailable,
      fmt::format("no replica of deployment {} took the request within {} ms{}", to_string(key),
                  waited.count(), progress.done < 0 ? "" : "; it is still loading"),
      progress.done < 0 ? 5 : 2);
  refusal.load_done = progress.done;
  refusal.load_stage = progress.stage;
  return refusal;
}

Refusal load_failed(const DeploymentKey& key, const Error& cause) {
  return refuse(api::kWorkloadFailed, cause.code,
                fmt::format("deployment {} could not be loaded: {}", to_string(key), cause.message),
                1);
}

Refusal breaker_open(const DeploymentKey& key, unsigned failures, std::string_view last_error) {
  return refuse(api::kUnavailable, Code::kUnavailable,
                fmt::format("deployment {} failed {} times in a row and is left alone for a while; "
                            "the last time: {}",
                            to_string(key), failures, last_error),
                1);
}

namespace {

Refusal no_place(const ApiError& api, Code code, const DeploymentKey& key, std::string_view why,
                 unsigned retry_after = 0) {
  return refuse(api, code,
                fmt::format("deployment {} cannot run on this host: {}", to_string(key), why),
                retry_after);
}

}  // namespace

// Waiting does not help: only another configuration does.
Refusal too_large(const DeploymentKey& key, std::string_view why) {
  return no_place(api::kWorkloadFailed, Code::kExhausted, key, why);
}

Refusal no_such_device(const DeploymentKey& key, std::string_view why) {
  return no_place(api::kPolicyViolation, Code::kPrecondition, key, why);
}

Refusal devices_out_of_use(const DeploymentKey& key, std::string_view why) {
  return no_place(api::kUnavailable, Code::kUnavailable, key, why, 5);
}

Refusal crashed_once(const DeploymentKey& key, const Error& cause) {
  return refuse(api::kReplicaDied, Code::kUnavailable,
                fmt::format("a worker of deployment {} ended under this request, which cannot be "
                            "repeated because its body was already passed on: {}",
                            to_string(key), cause.message),
                1);
}

Refusal crashed_twice(const DeploymentKey& key, const Error& cause) {
  return refuse(api::kRequestKills, Code::kInternal,
                fmt::format("two workers of deployment {} ended under this request, so it is not "
                            "tried again: {}",
                            to_string(key), cause.message));
}

Refusal nothing_known(const DeploymentKey& key, std::string_view path) {
  return refuse(api::kUnavailable, Code::kUnavailable,
                fmt::format("no replica of deployment {} is running, and nothing is known yet of "
                            "\"{}\"; such questions start none",
                            to_string(key), path),
                5);
}

}  // namespace tenon::lifecycle
