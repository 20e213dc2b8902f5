#pragma once

#include <cstdint>

#include "host/control/snapshot.h"

// A deployment whose newest revision is on trial, beside the stable one that served before.
namespace tenon::control {

// Holds a wish for a canary against what there is. Where no earlier revision could get the other
// requests (there is none, or the wish is what serves already) the canary is dropped from it.
void settle_canary(DeploymentSpec& wished, const Entry* now);

// What stands beside a canary that is written now over `before`.
std::shared_ptr<const Entry> stable_of(const Draft& written,
                                       const std::shared_ptr<const Entry>& before);

// Replicas that a deployment always has, those of both revisions; `now` is what there is of it.
std::uint64_t standing_replicas(const DeploymentSpec&, const Entry* now);

}  // namespace tenon::control
