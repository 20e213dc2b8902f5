#include "host/control/models_json.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>

namespace tenon::control {
namespace {

namespace json = boost::json;

double milliseconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

std::string moment(std::chrono::system_clock::time_point when) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(when);
  return fmt::format("{:%FT%T}.{:03}Z", seconds,
                     std::chrono::floor<std::chrono::milliseconds>(when - seconds).count());
}

json::object cold_start_json(const lifecycle::ColdStart& cold) {
  json::object stages;
  for (const auto& [stage, time] : cold.stages) stages[stage] = milliseconds_of(time);
  return {{"at", moment(cold.when)},
          {"totalMs", milliseconds_of(cold.total)},
          {"fromTemplate", cold.from_template},
          {"stages", std::move(stages)}};
}

json::object model_json(const lifecycle::DeploymentStatus& status) {
  json::object model{
      {"workspace", status.key.workspace},
      {"model", status.key.model},
      {"environment", status.key.environment},
      {"runtime", status.runtime},
      {"state", to_string(status.phase)},
      {"replicas", {{"ready", status.replicas_ready}, {"starting", status.replicas_starting}}},
      {"queued", status.queued},
      {"inFlight", status.in_flight},
      {"memoryBytes", status.memory_bytes},
      {"pids", json::array(status.pids.begin(), status.pids.end())},
      {"crashesInARow", status.crashes_in_a_row},
      {"breakerOpen", status.breaker_open},
      {"lastColdStart", nullptr},
      {"lastError", nullptr},
  };
  if (status.last_cold_start) model["lastColdStart"] = cold_start_json(*status.last_cold_start);
  if (status.last_error) model["lastError"] = *status.last_error;
  if (status.load_done >= 0) {
    model["loading"] = {{"done", status.load_done}, {"stage", status.load_stage}};
  }
  return model;
}

}  // namespace

std::string_view to_string(lifecycle::Phase phase) {
  switch (phase) {
    case lifecycle::Phase::kCreated:
      return "CREATED";
    case lifecycle::Phase::kDeploying:
      return "DEPLOYING";
    case lifecycle::Phase::kDeployed:
      return "DEPLOYED";
    case lifecycle::Phase::kDeactivated:
      return "DEACTIVATED";
    case lifecycle::Phase::kFailed:
      return "FAILED";
  }
  return "UNKNOWN";
}

std::string models_json(std::span<const lifecycle::DeploymentStatus> all) {
  json::array models;
  models.reserve(all.size());
  for (const lifecycle::DeploymentStatus& status : all) models.push_back(model_json(status));
  return json::serialize(json::object{{"models", std::move(models)}});
}

}  // namespace tenon::control
