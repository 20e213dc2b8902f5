#include "host/metering/token_pools.h"

namespace tenon::metering {

TokenPools::TokenPools(std::span<const PoolState> restored) {
  for (const PoolState& state : restored) {
    restored_.insert_or_assign(Key(state.owner, state.policy), state);
  }
}

std::shared_ptr<TokenPool> TokenPools::pool(const ResourceKey& owner, const Policy& policy) {
  const Key key(owner, policy.name);
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  if (entry.pool && entry.pool->counts_like(policy.max_tokens)) {
    entry.pool->set_limits(policy.max_tokens);
    return entry.pool;
  }
  const auto restored = restored_.extract(key);
  entry.pool = std::make_shared<TokenPool>(owner, policy.name, policy.max_tokens,
                                           restored ? &restored.mapped() : nullptr);
  entry.stored = entry.pool->state();
  return entry.pool;
}

std::vector<PoolState> TokenPools::take_changes(sys_seconds now) {
  std::vector<PoolState> changes;
  const std::lock_guard lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    const bool unused = entry.pool.use_count() == 1;  // before the state: nobody spends any more
    PoolState state = entry.pool->state();
    const bool over = state.window.end <= now;
    if (state != entry.stored) {
      entry.stored = state;
      changes.push_back(std::move(state));
    }
    it = unused && over ? entries_.erase(it) : std::next(it);
  }
  std::erase_if(restored_, [&](const auto& item) { return item.second.window.end <= now; });
  return changes;
}

std::vector<TokenPools::Reading> TokenPools::readings(sys_seconds now, const Which& which) const {
  std::vector<Reading> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, entry] : entries_) {
    if (entry.pool.use_count() == 1 || (which && !which(key.first, key.second))) continue;
    Reading reading{entry.pool->state(), entry.pool->limits()};
    if (reading.state.window.end <= now) {
      reading.state.window = policy::window_of(reading.limits, now);
      reading.state.spent = {};
    }
    out.push_back(std::move(reading));
  }
  return out;
}

}  // namespace tenon::metering
