#include "host/control/resource_json.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <chrono>
#include <cmath>

#include "host/config/manifest.h"
#include "host/control/token_budgets.h"
#include "host/domain/moment.h"

namespace tenon::control {
namespace {

namespace json = boost::json;

// Microseconds are as exact as it gets.
double milliseconds_of(std::chrono::nanoseconds time) {
  return std::round(static_cast<double>(time.count()) / 1e3) / 1e3;
}

json::object cold_start_json(const lifecycle::ColdStart& cold) {
  json::object stages;
  for (const auto& [stage, time] : cold.stages) stages[stage] = milliseconds_of(time);
  return {{"at", utc_text(cold.when)},
          {"totalMs", milliseconds_of(cold.total)},
          {"fromTemplate", cold.from_template},
          {"stages", std::move(stages)}};
}

json::object canary_json(const lifecycle::CanaryStatus& canary) {
  json::object out{
      {"revision", canary.revision},
      {"weight", canary.weight},
      {"replicas", {{"ready", canary.replicas_ready}, {"starting", canary.replicas_starting}}},
      {"queued", canary.queued},
      {"inFlight", canary.in_flight},
      {"memoryBytes", canary.memory_bytes}};
  if (canary.failure) out["failure"] = *canary.failure;
  return out;
}

json::object key_json(const ResourceKey& key) {
  json::object out{{"kind", to_string(key.kind)}, {"name", key.name}};
  if (!key.workspace.empty()) out["workspace"] = key.workspace;
  if (!key.environment.empty()) out["environment"] = key.environment;
  return out;
}

}  // namespace

json::object status_json(const lifecycle::DeploymentStatus& status) {
  json::object out{
      {"state", to_string(status.phase)},
      {"runtime", status.runtime},
      {"revision", status.revision},
      {"replicas", {{"ready", status.replicas_ready}, {"starting", status.replicas_starting}}},
      {"queued", status.queued},
      {"inFlight", status.in_flight},
      {"memoryBytes", status.memory_bytes},
      {"pids", json::array(status.pids.begin(), status.pids.end())},
      {"crashesInARow", status.crashes_in_a_row},
      {"breakerOpen", status.breaker_open}};
  if (status.next != 0) out["nextRevision"] = status.next;
  if (status.failed) {
    out["failedRevision"] = {{"number", status.failed->number}, {"reason", status.failed->reason}};
  }
  if (status.canary) {
    out["canary"] = canary_json(*status.canary);
  }
  out["lastColdStart"] = nullptr;
  if (status.last_cold_start) out["lastColdStart"] = cold_start_json(*status.last_cold_start);
  out["lastError"] = nullptr;
  if (status.last_error) out["lastError"] = *status.last_error;
  if (status.placement) out["placement"] = *status.placement;
  if (status.load_done >= 0) {
    out["loading"] = {{"done", std::round(status.load_done * 1e3) / 1e3},
                      {"stage", status.load_stage}};
  }
  return out;
}

json::array events_json(std::span<const store::Event> events) {
  json::array out;
  for (const store::Event& event : events) {
    json::object told{{"time", utc_text(event.at)}, {"type", event.type}, {"status", event.status}};
    if (event.revision != 0) told["revision"] = event.revision;
    if (!event.message.empty()) told["message"] = event.message;
    out.push_back(std::move(told));
  }
  return out;
}

json::array budgets_json(std::span<const metering::TokenPools::Reading> readings) {
  json::array out;
  for (const metering::TokenPools::Reading& reading : readings) {
    for (const BudgetLimit& each : limits_of(reading)) {
      out.push_back(json::object{{"policy", reading.state.policy},
                                 {"owner", to_string(reading.state.owner)},
                                 {"tokens", policy::to_string(each.tokens)},
                                 {"limit", each.limit},
                                 {"spent", each.spent},
                                 {"left", each.limit - std::min(each.spent, each.limit)},
                                 {"windowBegin", utc_text(reading.state.window.begin)},
                                 {"windowEnd", utc_text(reading.state.window.end)}});
    }
  }
  return out;
}

json::object resource_json(const Entry& entry, const lifecycle::DeploymentStatus* status) {
  json::object metadata = key_json(entry.key());
  metadata.erase("kind");
  metadata["version"] = entry.version;
  if (entry.revision != 0) metadata["revision"] = entry.revision;
  metadata["managedBy"] = entry.authors->managed_by;
  metadata["createdAt"] = utc_text(entry.created_at);
  metadata["createdBy"] = entry.authors->created_by;
  metadata["updatedAt"] = utc_text(entry.updated_at);
  metadata["updatedBy"] = entry.authors->updated_by;
  json::object out{{"kind", to_string(entry.key().kind)},
                   {"metadata", std::move(metadata)},
                   {"spec", config::spec_json(entry.draft, true)}};
  if (status) out["status"] = status_json(*status);
  return out;
}

json::object planned_json(const Planned& planned) {
  json::object out = key_json(planned.key);
  out["result"] = store::to_string(planned.done);
  const auto document = [](const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::parse(text);
  };
  out["before"] = document(planned.before);
  out["after"] = document(planned.after);
  return out;
}

}  // namespace tenon::control
