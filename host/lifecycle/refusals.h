#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "host/lifecycle/dispatcher.h"
#include "host/metering/token_pool.h"

// The sentences with which the life cycle refuses; one function for each reason.
namespace tenon::lifecycle {

struct Progress {
  double done = -1;  // 0…1; -1: nothing is loading
  std::string stage;
};

Refusal unknown_workspace(std::string_view workspace);
Refusal unknown_model(std::string_view workspace, std::string_view model);
Refusal unknown_environment(std::string_view model, std::string_view environment,
                            std::string_view known);
Refusal removed(const DeploymentKey&);
Refusal deactivated(const DeploymentKey&);
Refusal forbidden(const DeploymentKey&, std::string_view reason);
Refusal stopping();

Refusal over_budget(const metering::OverBudget&, metering::sys_seconds now);
Refusal queue_full(const DeploymentKey&, unsigned limit);
Refusal waited_too_long(const DeploymentKey&, std::chrono::milliseconds waited, const Progress&);
Refusal load_failed(const DeploymentKey&, const Error& cause);
Refusal breaker_open(const DeploymentKey&, unsigned failures, std::string_view last_error);
// The machine has no place for it, says the scheduler: nothing of its flavors, nothing large
// enough, or only what is lost or failing and may come back.
Refusal no_such_device(const DeploymentKey&, std::string_view why);
Refusal too_large(const DeploymentKey&, std::string_view why);
Refusal devices_out_of_use(const DeploymentKey&, std::string_view why);

// A worker died under the request: once, and it cannot be repeated; or twice.
Refusal crashed_once(const DeploymentKey&, const Error& cause);
Refusal crashed_twice(const DeploymentKey&, const Error& cause);

Refusal nothing_known(const DeploymentKey&, std::string_view path);

}  // namespace tenon::lifecycle
