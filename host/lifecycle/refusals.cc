#include "host/lifecycle/refusals.h"

#include <fmt/format.h>

namespace tenon::lifecycle {
namespace {

std::string name(const DeploymentKey& key) {
  return fmt::format("{}/{}@{}", key.workspace, key.model, key.environment);
}

Refusal refuse(unsigned status, std::string_view reason, Code code, std::string message,
               unsigned retry_after = 0) {
  Refusal refusal;
  refusal.error = {code, std::move(message), retry_after != 0};
  refusal.reason = reason;
  refusal.status = status;
  refusal.retry_after = retry_after;
  return refusal;
}

}  // namespace

Refusal unknown_workspace(std::string_view workspace) {
  return refuse(404, "WORKSPACE_NOT_FOUND", Code::kNotFound,
                fmt::format("there is no workspace \"{}\" on this host", workspace));
}

Refusal unknown_model(std::string_view workspace, std::string_view model) {
  return refuse(404, "WORKLOAD_NOT_FOUND", Code::kNotFound,
                fmt::format("workspace \"{}\" has no model \"{}\"", workspace, model));
}

Refusal unknown_environment(std::string_view model, std::string_view environment,
                            std::string_view known) {
  return refuse(404, "WORKLOAD_NOT_FOUND", Code::kNotFound,
                fmt::format("model \"{}\" has no deployment in environment \"{}\"; it has one in {}",
                            model, environment, known));
}

Refusal removed(const DeploymentKey& key) {
  return refuse(404, "WORKLOAD_NOT_FOUND", Code::kNotFound,
                fmt::format("deployment {} was removed", name(key)));
}

Refusal stopping() {
  return refuse(503, "WORKLOAD_UNAVAILABLE", Code::kUnavailable, "the host is stopping", 1);
}

Refusal queue_full(const DeploymentKey& key, unsigned limit) {
  return refuse(429, "WORKLOAD_QUEUE_FULL", Code::kExhausted,
                fmt::format("{} requests already wait for deployment {}, as many as its limit "
                            "`queue` allows",
                            limit, name(key)),
                1);
}

Refusal waited_too_long(const DeploymentKey& key, std::chrono::milliseconds waited,
                        const Progress& progress) {
  Refusal refusal = refuse(
      503, "WORKLOAD_UNAVAILABLE", Code::kUnavailable,
      fmt::format("no replica of deployment {} took the request within {} ms{}", name(key),
                  waited.count(), progress.done < 0 ? "" : "; it is still loading"),
      progress.done < 0 ? 5 : 2);
  refusal.load_done = progress.done;
  refusal.load_stage = progress.stage;
  return refusal;
}

Refusal load_failed(const DeploymentKey& key, const Error& cause) {
  Refusal refusal = refuse(502, "WORKLOAD_LOAD_FAILED", cause.code,
                           fmt::format("deployment {} could not be loaded: {}", name(key),
                                       cause.message),
                           1);
  refusal.error.retryable = cause.retryable;
  return refusal;
}

Refusal breaker_open(const DeploymentKey& key, unsigned failures, std::string_view last_error) {
  return refuse(503, "WORKLOAD_UNAVAILABLE", Code::kUnavailable,
                fmt::format("deployment {} failed {} times in a row and is left alone for a while; "
                            "the last time: {}",
                            name(key), failures, last_error),
                1);
}

Refusal too_large(const DeploymentKey& key, std::uint64_t bytes, std::uint64_t limit) {
  return refuse(503, "WORKLOAD_UNAVAILABLE", Code::kExhausted,
                bytes == 0 ? fmt::format("deployment {} cannot start: the host allows no replica",
                                         name(key))
                           : fmt::format("deployment {} needs {} bytes of memory, the host allows "
                                         "{} for all replicas",
                                         name(key), bytes, limit));
}

Refusal crashed_once(const DeploymentKey& key, const Error& cause) {
  return refuse(502, "WORKLOAD_CRASHED", Code::kUnavailable,
                fmt::format("a worker of deployment {} ended under this request, which cannot be "
                            "repeated because its body was already passed on: {}",
                            name(key), cause.message),
                1);
}

Refusal crashed_twice(const DeploymentKey& key, const Error& cause) {
  return refuse(500, "WORKLOAD_CRASHED", Code::kInternal,
                fmt::format("two workers of deployment {} ended under this request, so it is not "
                            "tried again: {}",
                            name(key), cause.message));
}

Refusal nothing_known(const DeploymentKey& key, std::string_view path) {
  return refuse(503, "WORKLOAD_UNAVAILABLE", Code::kUnavailable,
                fmt::format("no replica of deployment {} is running, and nothing is known yet of "
                            "\"{}\"; such questions start none",
                            name(key), path),
                5);
}

}  // namespace tenon::lifecycle
