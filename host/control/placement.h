#pragma once

#include <string>
#include <vector>

#include "host/control/snapshot.h"
#include "host/domain/error.h"
#include "host/domain/flavor.h"

namespace tenon::control {

// The policies of these names that there are. `find` gives the draft of a key, or null.
template <class Find>
std::vector<const Policy*> named_policies(Find find, const std::string& workspace,
                                          const std::vector<std::string>& names) {
  std::vector<const Policy*> out;
  for (const std::string& name : names) {
    const Draft* draft = find(ResourceKey{Kind::kPolicy, workspace, name, ""});
    if (draft) out.push_back(&std::get<Policy>(draft->spec));
  }
  return out;
}

// Those of its flavors on which the policies as they are now let a deployment run on a host at this
// location, "" being one that nobody named; of a deployment without flavors, the host's CPUs. The
// error names what forbids them all.
Result<std::vector<Flavor>> allowed_here(const Snapshot&, const Entry& deployment,
                                         const std::string& location, const Flavor& cpu);

}  // namespace tenon::control
