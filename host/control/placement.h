#pragma once

#include <string>
#include <vector>

#include "host/control/snapshot.h"
#include "host/domain/error.h"

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

// Whether the policies as they are now let a deployment run on a host at this location, which has
// CPUs; "" is a host whose location nobody named. The error names what forbids it.
Result<void> check_here(const Snapshot&, const Entry& deployment, const std::string& location);

}  // namespace tenon::control
