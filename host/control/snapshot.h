#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/draft.h"

namespace tenon::control {

// Who answers for a resource; one for all that a file or a key wrote.
struct Authors {
  std::string managed_by;  // "api", or "file:PATH" of the manifest that holds it
  std::string created_by = {}, updated_by = {};

  auto operator<=>(const Authors&) const = default;
};

// A resource as it is stored, its document read.
struct Entry {
  using Time = std::chrono::system_clock::time_point;

  Draft draft;
  std::uint64_t version = 0;
  std::uint64_t revision = 0;  // of a deployment: the newest, which its document is
  Time created_at{}, updated_at{};
  std::shared_ptr<const Authors> authors = {};
  // Of a deployment whose newest revision is a canary: as it was before, which gets the other
  // requests.
  std::shared_ptr<const Entry> stable = {};

  const ResourceKey& key() const { return draft.key; }
};

// All resources at one time; never changed, replaced as a whole.
struct Snapshot {
  using Entries = std::vector<std::shared_ptr<const Entry>>;
  using At = Entries::const_iterator;

  std::uint64_t version = 0;
  Entries entries;  // in the order of their keys

  static const ResourceKey& key_of(const std::shared_ptr<const Entry>& entry) {
    return entry->key();
  }
  // The first that is not before, or that is after, a key.
  At from(const ResourceKey& key) const {
    return std::ranges::lower_bound(entries, key, {}, key_of);
  }
  At after(const ResourceKey& key) const {
    return std::ranges::upper_bound(entries, key, {}, key_of);
  }

  const Entry* find(const ResourceKey& key) const {
    const At found = from(key);
    return found == entries.end() || (*found)->key() != key ? nullptr : found->get();
  }

  // Those of a kind; workspace "" means all.
  std::span<const std::shared_ptr<const Entry>> of(Kind kind, std::string_view workspace) const {
    const At begin = from({kind, std::string(workspace), "", ""});
    return {begin, std::partition_point(begin, entries.end(), [&](const auto& entry) {
              const ResourceKey& key = entry->key();
              return key.kind == kind && (workspace.empty() || key.workspace == workspace);
            })};
  }

  // Calls visit(const Entry&) for each of them.
  template <class Visit>
  void each(Kind kind, std::string_view workspace, Visit visit) const {
    for (const auto& entry : of(kind, workspace)) visit(*entry);
  }
};

}  // namespace tenon::control
