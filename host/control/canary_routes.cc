#include "host/control/canary_routes.h"

#include <fmt/format.h>

#include "host/domain/environment.h"

namespace tenon::control {
namespace {

constexpr std::int64_t kAll = 100;

// The share that the body asks for; nothing when it was refused.
std::optional<unsigned> weight_of(Call& call) {
  for (const auto& [key, value] : call.body()) {
    if (key == "weight") continue;
    call.refuse(api::kBadRequest,
                fmt::format("unknown key '{}'; known keys: weight", std::string_view(key)));
    return std::nullopt;
  }
  const boost::json::value* found = call.body().if_contains("weight");
  const auto weight = found ? whole_number(*found) : std::nullopt;
  if (weight && *weight >= 0 && *weight <= kAll) return static_cast<unsigned>(*weight);
  call.refuse(api::kBadRequest,
              "weight: expected percent of the requests: 1 to 99, 100 to promote the canary, 0 to "
              "give it up");
  return std::nullopt;
}

void set_weight(Api& api, Call& call) {
  const auto weight = weight_of(call);
  if (!weight) return;
  const ResourceKey key{Kind::kDeployment, call.workspace, call.path(0),
                        call.text("environment").value_or(std::string(kProduction))};
  const auto snapshot = api.parts().catalog.snapshot();
  const Entry* entry = snapshot->find(key);
  if (!entry) {
    return call.refuse(api::kResourceNotFound, fmt::format("there is no {}", to_string(key)));
  }
  if (!entry->stable) {
    return call.refuse(
        api::kUnprocessable,
        fmt::format("{} has no canary: an update with 'canary' begins one", to_string(key)));
  }
  Wish wish{.draft = entry->draft, .version = entry->version};
  auto& spec = std::get<DeploymentSpec>(wish.draft.spec);
  if (*weight == 0) {
    const bool enabled = spec.enabled;
    spec = std::get<DeploymentSpec>(entry->stable->draft.spec);
    spec.enabled = enabled;
  } else if (*weight == kAll) {
    spec.canary.reset();
  } else {
    spec.canary->weight = *weight;
  }
  api.change(call, {std::move(wish)}, 200);
}

}  // namespace

void add_canary_routes(std::vector<Route>& out) {
  using enum Param::Type;
  out.push_back(
      {"POST",
       "/v0/models/{model}/canary",
       "setCanary",
       "Sets the share of the requests that a canary gets: 100 promotes it, 0 gives it up",
       access::Act::kWriteModels,
       {{"environment", kString, "of the deployment; production when absent"},
        {"dryRun", kBoolean, "say what would change, and change nothing"},
        {"force", kBoolean, "change also what a file manages"}},
       "CanaryWish",
       "Deployment",
       200,
       set_weight});
}

}  // namespace tenon::control
