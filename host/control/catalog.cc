#include "host/control/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <iterator>
#include <map>

#include "host/config/manifest.h"
#include "host/control/canary.h"
#include "host/control/kept_revision.h"
#include "host/control/origin_digest.h"

namespace tenon::control {
namespace {

// Few at a time: what reading them takes is used again for the next ones.
constexpr std::size_t kPageSize = 200;

std::string document_of(const Draft& draft) {
  return boost::json::serialize(config::spec_json(draft, false));
}

// What makes a revision of a deployment is all but what it is called and how it is switched.
std::string revision_document(const Draft& draft) {
  return document_of({draft.key, {}, revision_of(std::get<DeploymentSpec>(draft.spec))});
}

const CanaryShare* canary_of(const Draft& draft) {
  const auto* spec = std::get_if<DeploymentSpec>(&draft.spec);
  return spec && spec->canary ? &*spec->canary : nullptr;
}

// The same with the digests of origins that nobody has looked at yet; each folder is read once.
std::vector<Wish> with_digests(std::span<const Wish> wishes, const Who& who, const Ground& ground) {
  std::vector<Wish> out(wishes.begin(), wishes.end());
  std::map<std::string, std::uint64_t> known;
  for (Wish& wish : out) {
    auto* spec = std::get_if<DeploymentSpec>(&wish.draft.spec);
    if (wish.remove || !spec || spec->origin_digest != 0) continue;
    if (!may_read(who, ground, spec->model_path)) continue;  // it will be refused
    const auto [found, first] = known.try_emplace(spec->model_path, 0);
    if (first) found->second = origin_digest(spec->model_path);
    spec->origin_digest = found->second;
  }
  return out;
}

Refused store_refused(const store::ApplyError& error) {
  const ApiError& code = error.conflict                   ? api::kVersionConflict
                         : error.code == Code::kExhausted ? api::kStoreFull
                                                          : api::kInternal;
  return {0, code, error.message};
}

}  // namespace

Result<std::unique_ptr<Catalog>> Catalog::open(store::Store& store, std::string workspace,
                                               Ground ground, Clock clock) {
  std::unique_ptr<Catalog> catalog(new Catalog(store, std::move(ground), std::move(clock)));
  if (auto loaded = catalog->load(); !loaded) return std::unexpected(loaded.error());
  const ResourceKey key{Kind::kWorkspace, "", workspace, ""};
  if (!catalog->snapshot()->find(key)) {
    const Wish wish{.draft = {key, {}, Workspace{workspace}}};
    const Who host{"host", std::string(kMadeByHost), true, false};
    const auto made = catalog->change({&wish, 1}, host);
    if (!made) return fail(Code::kInternal, made.error().front().message);
  }
  return catalog;
}

Result<void> Catalog::load() {
  auto snapshot = std::make_shared<Snapshot>();
  const auto revisions = store_.newest_revisions();
  if (!revisions) return std::unexpected(revisions.error());
  for (const Kind kind :
       {Kind::kWorkspace, Kind::kLocation, Kind::kEnvironment, Kind::kPolicy, Kind::kDeployment}) {
    std::optional<ResourceKey> last;
    for (bool more = true; more;) {
      auto page = store_.list(kind, last, kPageSize);
      if (!page) return std::unexpected(page.error());
      for (const Resource& resource : page->items) {
        auto draft = config::draft_of(resource.key, resource.document);
        if (!draft) return std::unexpected(draft.error());
        last = resource.key;
        auto stable = load_stable(*draft);
        if (!stable) return std::unexpected(stable.error());
        const auto revision = kind == Kind::kDeployment
                                  ? revisions->find(deployment_key(resource.key))
                                  : revisions->end();
        snapshot->entries.push_back(std::make_shared<const Entry>(Entry{
            .draft = *std::move(draft),
            .version = resource.version,
            .revision = revision == revisions->end() ? 0 : revision->second,
            .created_at = resource.created_at,
            .updated_at = resource.updated_at,
            .authors = shared({resource.managed_by, resource.created_by, resource.updated_by}),
            .stable = *std::move(stable)}));
      }
      snapshot->version = page->version;
      more = page->more;
    }
  }
  snapshot_ = std::move(snapshot);
  return {};
}

std::shared_ptr<const Authors> Catalog::shared(Authors authors) {
  return *authors_.insert(std::make_shared<const Authors>(std::move(authors))).first;
}

Result<std::shared_ptr<const Entry>> Catalog::load_stable(const Draft& newest) {
  const CanaryShare* canary = canary_of(newest);
  if (!canary) return nullptr;
  auto stable = kept_revision(store_, newest.key, canary->stable);
  if (stable && !*stable) {
    return fail(Code::kInternal, fmt::format("the store lacks revision {} of {}", canary->stable,
                                             to_string(newest.key)));
  }
  return stable;
}

std::shared_ptr<const Snapshot> Catalog::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void Catalog::listen(Listener listener) {
  const std::lock_guard lock(changing_);
  listeners_.push_back(std::move(listener));
}

std::expected<std::vector<Planned>, std::vector<Refused>> Catalog::change(
    std::span<const Wish> wished, const Who& who, bool dry) {
  const std::vector<Wish> wishes = with_digests(wished, who, ground_);
  const std::lock_guard lock(changing_);
  const std::shared_ptr<const Snapshot> now = snapshot();
  auto planned = plan(*now, wishes, who, ground_);
  if (!planned) return std::unexpected(std::move(planned.error()));
  if (dry || planned->writes.empty()) return std::move(planned->outcomes);
  auto next = write(*planned, who, *now);
  if (!next) return std::unexpected(std::vector{std::move(next.error())});
  {
    const std::lock_guard reading(mutex_);
    snapshot_ = *std::move(next);
  }
  for (const Listener& listener : listeners_) listener(snapshot());
  return std::move(planned->outcomes);
}

std::expected<std::shared_ptr<Snapshot>, Refused> Catalog::write(const Plan& plan, const Who& who,
                                                                 const Snapshot& now) {
  const auto at = clock_();
  std::vector<store::Change> changes;
  changes.reserve(plan.writes.size());
  for (const Write& write : plan.writes) {
    const Entry* entry = now.find(write.draft.key);
    store::Change& change = changes.emplace_back();
    change.key = write.draft.key;
    change.expected = entry ? entry->version : 0;
    if (write.remove) {
      change.verb = store::Change::Verb::kRemove;
      continue;
    }
    change.document = document_of(write.draft);
    change.managed_by = write.managed_by;
    if (change.key.kind != Kind::kDeployment) continue;
    if (const CanaryShare* canary = canary_of(write.draft)) change.keeps = canary->stable;
    std::string revision = revision_document(write.draft);
    if (!entry || revision_document(entry->draft) != revision) {
      change.revision = std::move(revision);
    }
  }
  const auto done = store_.apply(changes, {who.name, at});
  if (!done) return std::unexpected(store_refused(done.error()));

  auto next = std::make_shared<Snapshot>();
  next->version = now.version;
  std::set<ResourceKey> removed;
  Snapshot::Entries fresh;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Write& write = plan.writes[i];
    const store::Outcome& outcome = (*done)[i];
    next->version = std::max(next->version, outcome.version);
    if (write.remove) {
      removed.insert(write.draft.key);
      continue;
    }
    const Entry* before = now.find(write.draft.key);
    const auto stable = before ? stable_of(write.draft, *now.from(write.draft.key)) : nullptr;
    fresh.push_back(std::make_shared<const Entry>(Entry{
        .draft = write.draft,
        .version = outcome.version,
        .revision = outcome.revision != 0 ? outcome.revision
                    : before              ? before->revision
                                          : 0,
        .created_at = before ? before->created_at : at,
        .updated_at = at,
        .authors =
            shared({write.managed_by, before ? before->authors->created_by : who.name, who.name}),
        .stable = stable}));
  }
  std::ranges::sort(fresh, {}, Snapshot::key_of);
  // Of a key that both have, the fresh one.
  std::ranges::set_union(fresh, now.entries, std::back_inserter(next->entries), {},
                         Snapshot::key_of, Snapshot::key_of);
  std::erase_if(next->entries, [&](const auto& entry) { return removed.contains(entry->key()); });
  std::erase_if(authors_, [](const auto& authors) { return authors.use_count() == 1; });
  return next;
}

}  // namespace tenon::control
