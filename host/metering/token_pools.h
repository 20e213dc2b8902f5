#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/metering/token_pool.h"

namespace tenon::metering {

// Every pool of a host. Who carries a policy gets its pool here, once for each change of what it
// carries; requests go to the pools themselves. [any]
class TokenPools {
 public:
  explicit TokenPools(std::span<const PoolState> restored = {});

  // The pool of a maxToken policy for the environment or deployment that carries it: the same one
  // for all who ask. It keeps its count when the policy's limits change, or when the policy is
  // taken away and given back within a window; other windows begin a new count.
  std::shared_ptr<TokenPool> pool(const ResourceKey& owner, const Policy&);

  // What was counted since the last call and is to be stored: at most one state for each owner and
  // policy, which replaces the one stored before. Called once per second, and at the end; forgets
  // pools that nobody uses and whose window is over.
  std::vector<PoolState> take_changes(sys_seconds now);

  // What is spent in the present window of each policy that somebody carries, of those asked for.
  struct Reading {
    PoolState state;
    MaxTokens limits;
  };
  using Which = std::function<bool(const ResourceKey& owner, const std::string& policy)>;
  std::vector<Reading> readings(sys_seconds now, const Which& which = {}) const;

 private:
  struct Entry {
    std::shared_ptr<TokenPool> pool;
    PoolState stored;
  };
  using Key = std::pair<ResourceKey, std::string>;

  mutable std::mutex mutex_;
  std::map<Key, PoolState> restored_;  // of whom nobody has asked for yet
  std::map<Key, Entry> entries_;
};

}  // namespace tenon::metering
