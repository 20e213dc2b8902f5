#include "tests/host/store/memory_store.h"

#include <algorithm>
#include <ranges>

namespace tenon::store::testing {
namespace {

template <class T>
void keep_last(std::deque<T>& all, std::size_t most) {
  while (all.size() > most) all.pop_front();
}

// The values of the keys [from, …) for as long as `matches`.
template <class Map, class Matches>
auto values(const Map& map, typename Map::const_iterator from, Matches matches) {
  std::vector<typename Map::mapped_type> out;
  for (; from != map.end(); ++from) {
    if (matches(from->second)) out.push_back(from->second);
  }
  return out;
}

}  // namespace

void MemoryStore::fail_writes(std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(error);
}

template <class Do>
Result<void> MemoryStore::write(Do what) {
  const std::lock_guard lock(mutex_);
  if (failure_) return std::unexpected(*failure_);
  State next = state_;
  if (Result<void> done = what(next); !done) return done;
  state_ = std::move(next);
  return {};
}

std::expected<std::vector<Outcome>, ApplyError> MemoryStore::apply(std::span<const Change> changes,
                                                                   const Author& author) {
  const std::lock_guard lock(mutex_);
  if (failure_) return std::unexpected(ApplyError{*failure_, {}});
  State next = state_;
  std::vector<Outcome> outcomes;
  for (const Change& change : changes) {
    auto outcome = apply_one(next, change, author);
    if (!outcome) return std::unexpected(std::move(outcome.error()));
    outcomes.push_back(*outcome);
  }
  state_ = std::move(next);
  return outcomes;
}

std::expected<Outcome, ApplyError> MemoryStore::apply_one(State& state, const Change& change,
                                                          const Author& author) const {
  const auto found = state.resources.find(change.key);
  const bool there = found != state.resources.end();
  const std::uint64_t has = there ? found->second.version : 0;
  if (change.expected && *change.expected != has) {
    return std::unexpected(conflict_error({change.key, *change.expected, has}));
  }
  const DeploymentKey deployment = deployment_key(change.key);
  Outcome outcome{Done::kUnchanged, has, 0};
  if (change.verb == Change::Verb::kRemove) {
    if (!there) return outcome;
    outcome = {Done::kDeleted, ++state.version, 0};
    state.resources.erase(found);
    if (change.key.kind == Kind::kDeployment) {
      state.revisions.erase(deployment);
      state.served.erase(deployment);
      state.events.erase(deployment);
    }
  } else {
    if (there && found->second.document == change.document &&
        found->second.managed_by == change.managed_by && change.revision.empty()) {
      return outcome;
    }
    outcome = {there ? Done::kConfigured : Done::kCreated, ++state.version, 0};
    Resource& resource = state.resources[change.key];
    if (!there) {
      resource.key = change.key;
      resource.created_by = author.by;
      resource.created_at = author.at;
    }
    resource.version = state.version;
    resource.managed_by = change.managed_by;
    resource.updated_by = author.by;
    resource.updated_at = author.at;
    resource.document = change.document;
    if (!change.revision.empty()) {
      auto& all = state.revisions[deployment];
      outcome.revision = all.empty() ? 1 : all.back().number + 1;
      all.push_back({outcome.revision, change.revision, author.at});
      const auto served = state.served.find(deployment);
      const std::uint64_t last = served == state.served.end() ? 0 : served->second;
      std::erase_if(all, [&](const Revision& each) {
        return each.number + bounds_.revisions <= outcome.revision && each.number != change.keeps &&
               each.number != last;
      });
    }
  }
  append_audit(state, {0, author.at, author.by, std::string(to_string(outcome.done)),
                       to_string(change.key)});
  return outcome;
}

void MemoryStore::append_audit(State& state, AuditEntry entry) const {
  entry.number = ++state.audited;
  state.audit.push_back(std::move(entry));
  keep_last(state.audit, bounds_.audit);
}

Result<Page> MemoryStore::list(Kind kind, const std::optional<ResourceKey>& after,
                               std::size_t limit) {
  const std::lock_guard lock(mutex_);
  Page page;
  page.version = state_.version;
  auto at = after ? state_.resources.upper_bound(*after)
                  : state_.resources.lower_bound({kind, "", "", ""});
  for (; at != state_.resources.end() && at->first.kind == kind; ++at) {
    page.more = page.items.size() == limit;
    if (page.more) break;
    page.items.push_back(at->second);
  }
  return page;
}

Result<std::map<DeploymentKey, std::uint64_t>> MemoryStore::newest_revisions() {
  const std::lock_guard lock(mutex_);
  std::map<DeploymentKey, std::uint64_t> out;
  for (const auto& [key, all] : state_.revisions) out.emplace(key, all.back().number);
  return out;
}

Result<std::vector<Revision>> MemoryStore::revisions(const DeploymentKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = state_.revisions.find(key);
  if (found == state_.revisions.end()) return {};
  return std::vector<Revision>(found->second.rbegin(), found->second.rend());
}

Result<void> MemoryStore::mark_served(const DeploymentKey& key, std::uint64_t revision) {
  return write([&](State& state) -> Result<void> {
    const auto found = state.revisions.find(key);
    if (found == state.revisions.end()) return {};
    if (std::ranges::find(found->second, revision, &Revision::number) == found->second.end()) {
      return {};
    }
    std::uint64_t& last = state.served[key];
    last = std::max(last, revision);
    return {};
  });
}

Result<std::map<DeploymentKey, std::uint64_t>> MemoryStore::served_revisions() {
  const std::lock_guard lock(mutex_);
  return state_.served;
}

Result<void> MemoryStore::add_events(std::span<const Event> events) {
  return write([&](State& state) -> Result<void> {
    for (const Event& event : events) {
      const DeploymentKey& of = event.deployment;
      if (!state.resources.contains({Kind::kDeployment, of.workspace, of.model, of.environment})) {
        continue;
      }
      auto& all = state.events[of];
      all.push_back(event);
      keep_last(all, bounds_.events);
    }
    return {};
  });
}

Result<std::vector<Event>> MemoryStore::events(const DeploymentKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = state_.events.find(key);
  if (found == state_.events.end()) return {};
  return std::vector<Event>(found->second.begin(), found->second.end());
}

Result<void> MemoryStore::book(std::span<const TokenCount> counts, std::span<const Use> uses,
                               Time now) {
  return write([&](State& state) -> Result<void> {
    for (TokenCount count : counts) {
      count.input = std::min(count.input, kMostUsed);
      count.output = std::min(count.output, kMostUsed);
      state.counts[{count.owner, count.policy}] = count;
    }
    for (const Use& each : uses) {
      Use& sum = state.uses[{each.hour, each.deployment, each.revision, each.flavor}];
      sum.hour = each.hour;
      sum.deployment = each.deployment;
      sum.revision = each.revision;
      sum.flavor = each.flavor;
      add(sum, each);
    }
    std::erase_if(state.counts, [&](const auto& each) { return each.second.end <= now; });
    std::erase_if(state.uses,
                  [&](const auto& each) { return each.second.hour < now - bounds_.use; });
    return {};
  });
}

Result<std::vector<TokenCount>> MemoryStore::token_counts() {
  const std::lock_guard lock(mutex_);
  return values(state_.counts, state_.counts.begin(), [](const TokenCount&) { return true; });
}

Result<std::vector<Use>> MemoryStore::use(std::string_view workspace, Time from, Time to) {
  const std::lock_guard lock(mutex_);
  return values(state_.uses, state_.uses.begin(), [&](const Use& use) {
    return use.deployment.workspace == workspace && use.hour >= from && use.hour < to;
  });
}

Result<void> MemoryStore::add_key(const ApiKey& key, const Author& author) {
  return write([&](State& state) -> Result<void> {
    const bool taken = std::ranges::any_of(state.keys, [&](const ApiKey& each) {
      return each.id == key.id || each.secret == key.secret;
    });
    if (taken) return fail(Code::kPrecondition, "the id or the secret of a key is taken");
    state.keys.push_back(key);
    state.keys_were_created = true;
    append_audit(state, {0, author.at, author.by, "created", described(key)});
    return {};
  });
}

Result<ApiKey> MemoryStore::remove_key(std::string_view id, const Author& author) {
  ApiKey key;
  const auto done = write([&](State& state) -> Result<void> {
    const auto found = std::ranges::find(state.keys, id, &ApiKey::id);
    if (found == state.keys.end()) return std::unexpected(no_key(id));
    key = *found;
    state.keys.erase(found);
    append_audit(state, {0, author.at, author.by, "deleted", described(key)});
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return key;
}

Result<std::vector<ApiKey>> MemoryStore::keys() {
  const std::lock_guard lock(mutex_);
  return state_.keys;
}

Result<bool> MemoryStore::keys_were_created() {
  const std::lock_guard lock(mutex_);
  return state_.keys_were_created;
}

Result<void> MemoryStore::mark_keys_used(std::span<const KeyUse> uses) {
  return write([&](State& state) -> Result<void> {
    for (const KeyUse& use : uses) {
      const auto found = std::ranges::find(state.keys, use.id, &ApiKey::id);
      if (found == state.keys.end()) continue;
      found->last_used_at = std::max(found->last_used_at.value_or(use.at), use.at);
    }
    return {};
  });
}

Result<void> MemoryStore::add_audit(std::span<const AuditEntry> entries) {
  return write([&](State& state) -> Result<void> {
    for (const AuditEntry& entry : entries) append_audit(state, entry);
    return {};
  });
}

Result<std::vector<AuditEntry>> MemoryStore::audit(std::optional<std::uint64_t> before,
                                                   std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<AuditEntry> out;
  for (const AuditEntry& entry : state_.audit | std::views::reverse) {
    if (out.size() == limit) break;
    if (!before || entry.number < *before) out.push_back(entry);
  }
  return out;
}

}  // namespace tenon::store::testing
