#pragma once

#include <span>
#include <string>
#include <string_view>

#include "host/lifecycle/dispatcher.h"

namespace tenon::control {

// The body of GET /v0/models: {"models": […]}, in the order given. Times are milliseconds, moments
// ISO 8601, memory bytes.
std::string models_json(std::span<const lifecycle::DeploymentStatus>);

}  // namespace tenon::control
