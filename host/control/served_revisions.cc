#include "host/control/served_revisions.h"

#include "host/control/kept_revision.h"
#include "host/telemetry/log.h"

namespace tenon::control {

Result<void> ServedRevisions::open(store::Store& store) {
  auto last = store.served_revisions();
  if (!last) return std::unexpected(last.error());
  last_ = *std::move(last);
  store_ = &store;
  return {};
}

bool ServedRevisions::served(const Entry& revision) const {
  const auto found = last_.find(deployment_key(revision.key()));
  return found != last_.end() && found->second == revision.revision;
}

std::shared_ptr<const Entry> ServedRevisions::earlier_than(const Entry& revision) const {
  const auto found = last_.find(deployment_key(revision.key()));
  if (found == last_.end() || found->second >= revision.revision) return nullptr;
  const auto earlier = kept_revision(*store_, revision.key(), found->second);
  if (earlier) return *earlier;
  log::warn("an earlier revision cannot be read", {{"deployment", to_string(revision.key())},
                                                   {"revision", found->second},
                                                   {"why", earlier.error().message}});
  return nullptr;
}

void ServedRevisions::on_revision(const DeploymentKey& key, std::uint64_t number, Outcome outcome,
                                  std::string_view) {
  if (outcome != Outcome::kReady) return;
  run_([store = store_, key, number] {
    const auto marked = store->mark_served(key, number);
    if (marked) return;
    log::warn(
        "that a revision serves is not stored",
        {{"deployment", to_string(key)}, {"revision", number}, {"why", marked.error().message}});
  });
}

}  // namespace tenon::control
