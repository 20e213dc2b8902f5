#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "host/domain/draft.h"

namespace tenon::control {

struct Entry {
  Resource resource;           // as stored
  Draft draft;                 // what its document says
  std::uint64_t revision = 0;  // of a deployment: the one that serves
};

// All resources at one time; never changed, replaced as a whole.
struct Snapshot {
  std::uint64_t version = 0;
  std::map<ResourceKey, std::shared_ptr<const Entry>> entries;

  const Entry* find(const ResourceKey& key) const {
    const auto found = entries.find(key);
    return found == entries.end() ? nullptr : found->second.get();
  }

  // Calls visit(const Entry&) for each of a kind; workspace "" means all.
  template <class Visit>
  void each(Kind kind, std::string_view workspace, Visit visit) const {
    auto at = entries.lower_bound({kind, std::string(workspace), "", ""});
    for (; at != entries.end() && at->first.kind == kind; ++at) {
      if (!workspace.empty() && at->first.workspace != workspace) break;
      visit(*at->second);
    }
  }
};

}  // namespace tenon::control
