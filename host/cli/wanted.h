#pragma once

#include <string>
#include <vector>

#include "host/cli/blueprints.h"
#include "host/control/served_revisions.h"
#include "host/control/snapshot.h"
#include "host/lifecycle/deployments.h"
#include "host/metering/token_pools.h"

namespace tenon::cli {

// A host, as policies see it.
struct Here {
  const std::string& location;  // a [[location]]; empty: none
  const Flavor& cpu;
};

// What the life cycle is to make real of these resources on this host. A deployment that cannot run
// here is left out, and the log says why. `past`: what earlier hosts found out, when this one
// begins.
std::vector<lifecycle::Wanted> wanted(const control::Snapshot&, Blueprints&, const Here&,
                                      metering::TokenPools&,
                                      const control::ServedRevisions* past = nullptr);

}  // namespace tenon::cli
