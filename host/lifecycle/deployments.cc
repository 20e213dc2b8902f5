#include "host/lifecycle/deployments.h"

#include <fmt/format.h>
#include <algorithm>
#include <boost/asio/post.hpp>
#include <unordered_map>

#include "host/lifecycle/lane.h"

namespace tenon::lifecycle {
namespace {

struct Name {
  std::string_view workspace, model, environment;
  bool operator==(const Name&) const = default;
};

Name name_of(const DeploymentKey& key) {
  return {key.workspace, key.model, key.environment};
}

struct NameHash {
  std::size_t operator()(const Name& n) const {
    const std::hash<std::string_view> hash;
    const std::size_t seed = hash(n.workspace) * 31 + hash(n.environment);
    return hash(n.model) ^ (seed * 0x9e3779b97f4a7c15ULL);
  }
};

std::uint64_t next_instance() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

// Keys point into the deployments.
struct Deployments::Names {
  struct Entry {
    std::shared_ptr<Revision> wanted;
    std::shared_ptr<Revision> serving;  // another one until `wanted` is ready, or when it failed
    std::shared_ptr<const Canary> canary;
  };
  std::unordered_map<Name, Entry, NameHash> entries;
};

struct Deployments::NamesOfThread {
  std::uint64_t instance = 0, version = 0;
  std::shared_ptr<const Names> names;
  // The same revisions, each behind a reference count of this thread's own.
  std::unordered_map<Name, std::shared_ptr<Target>, NameHash> targets;
};

Deployments::Deployments(EventLoops& loops, workers::ReplicaLauncher& launcher, Clock& clock,
                         telemetry::Metrics& metrics, KeeperOptions options, LifeObserver* observer,
                         metering::Meter* meter)
    : context_(std::make_shared<Context>(Context{
          loops, clock, metrics,
          [this](const std::shared_ptr<Deployment>& d) { keeper_.consider(*d); },
          [this](const std::shared_ptr<const Revision>& r) { serves(r); }, observer, meter})),
      keeper_(context_, launcher, std::move(options)),
      instance_(next_instance()),
      names_(std::make_shared<Names>()) {}

Deployments::~Deployments() = default;

std::shared_ptr<const Deployments::Names> Deployments::names() const {
  const std::lock_guard lock(mutex_);
  return names_;
}

void Deployments::publish(std::shared_ptr<const Names> names) {
  {
    const std::lock_guard lock(mutex_);
    names_ = std::move(names);
  }
  version_.fetch_add(1, std::memory_order_release);
}

void Deployments::apply(std::vector<Wanted> wanted) {
  const std::shared_ptr<const Names> before = names();
  auto after = std::make_shared<Names>();
  std::vector<std::pair<const Names::Entry*, Past>> changed;
  for (Wanted& w : wanted) {
    const DeploymentKey& key = w.blueprint.spec->key;
    const auto found = before->entries.find(name_of(key));
    const bool known = found != before->entries.end();
    Names::Entry entry = known ? found->second : Names::Entry{};
    const auto deployment = known ? entry.wanted->shared_deployment()
                                  : std::make_shared<Deployment>(key, context_, next_id_++);
    deployment->set_budget(std::move(w.budget));
    auto canary_now = canary(w, deployment, entry.canary);
    auto revision = std::make_shared<Revision>(std::move(w.blueprint), deployment, w.revision,
                                               std::move(w.terms));
    const bool same = known && *entry.wanted == *revision && entry.canary == canary_now;
    if (!known || *entry.wanted != *revision) entry.wanted = revision;
    if (!known) entry.serving = revision;
    entry.canary = std::move(canary_now);
    const auto added = after->entries.emplace(name_of(deployment->key()), std::move(entry)).first;
    if (same) continue;
    Past past{w.proven, nullptr};
    if (!known && w.earlier) {
      past.previous = std::make_shared<const Revision>(std::move(w.earlier->blueprint), deployment,
                                                       w.earlier->revision, revision->terms());
    }
    changed.emplace_back(&added->second, std::move(past));
  }
  pending_ = after.get();
  for (const auto& [entry, past] : changed) keeper_.adopt(entry->wanted, entry->canary, past);
  pending_ = nullptr;
  publish(after);
  std::vector<std::shared_ptr<Deployment>> leaving;
  for (const auto& [name, entry] : before->entries) {
    if (!after->entries.contains(name)) leaving.push_back(entry.wanted->shared_deployment());
  }
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(leaving_, [](const auto& d) { return d->gone(); });
    leaving_.insert(leaving_.end(), leaving.begin(), leaving.end());
  }
  for (const auto& deployment : leaving) keeper_.remove(*deployment);
}

// The one that there was when nothing of it is new.
std::shared_ptr<const Canary> Deployments::canary(Wanted& wanted,
                                                  const std::shared_ptr<Deployment>& main,
                                                  const std::shared_ptr<const Canary>& before) {
  if (!wanted.canary) return nullptr;
  WantedCanary& w = *wanted.canary;
  const bool lives = before && main->canary() == before;  // else it went with a deactivation
  const auto deployment =
      lives ? before->revision->shared_deployment()
            : std::make_shared<Deployment>(main->key(), context_, next_id_++, main);
  auto revision = std::make_shared<Revision>(std::move(w.blueprint), deployment, w.revision,
                                             std::move(w.terms));
  if (lives && *before->revision == *revision) {
    if (before->weight == w.weight) return before;
    revision = before->revision;
  }
  return std::make_shared<const Canary>(std::move(revision), w.weight);
}

void Deployments::serves(const std::shared_ptr<const Revision>& revision) {
  if (revision->deployment().main()) return;  // a canary has no name of its own
  const Name name = name_of(revision->deployment().key());
  const auto set = [&](Names& names) {
    const auto found = names.entries.find(name);
    if (found == names.entries.end()) return false;
    Names::Entry& entry = found->second;
    if (&entry.wanted->deployment() != &revision->deployment()) return false;
    if (entry.serving == revision) return false;
    entry.serving = std::const_pointer_cast<Revision>(revision);
    return true;
  };
  if (pending_) {
    set(*pending_);
    return;
  }
  auto after = std::make_shared<Names>(*names());
  if (set(*after)) publish(std::move(after));
}

void Deployments::shutdown(milliseconds grace, std::move_only_function<void()> done) {
  keeper_.shutdown(grace, std::move(done));
}

std::shared_ptr<Target> Deployments::find(std::string_view workspace, std::string_view model,
                                          std::string_view environment) const {
  thread_local NamesOfThread mine;
  const std::uint64_t version = version_.load(std::memory_order_acquire);
  if (mine.instance != instance_ || mine.version != version) {
    mine.targets.clear();  // its keys point into what `names` holds
    mine.names = names();
    mine.instance = instance_;
    mine.version = version;
  }
  const Name name{workspace, model, environment};
  if (const auto found = mine.targets.find(name); found != mine.targets.end()) {
    return found->second;
  }
  const auto found = mine.names->entries.find(name);
  if (found == mine.names->entries.end()) return nullptr;
  const std::shared_ptr<Revision>& revision = found->second.serving;
  std::shared_ptr<Target> target(revision.get(), [held = revision](Target*) {});
  mine.targets.emplace(found->first, target);
  return target;
}

Refusal Deployments::explain_missing(std::string_view workspace, std::string_view model,
                                     std::string_view environment) const {
  bool workspace_known = false;
  std::string known;
  for (const auto& [name, entry] : names()->entries) {
    if (name.workspace != workspace) continue;
    workspace_known = true;
    if (name.model != model) continue;
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", name.environment);
  }
  if (!workspace_known) return unknown_workspace(workspace);
  return known.empty() ? unknown_model(workspace, model)
                       : unknown_environment(model, environment, known);
}

std::shared_ptr<Flight> Deployments::dispatch(const std::shared_ptr<Target>& target,
                                              Exchange& exchange) {
  const auto& revision = static_cast<const Revision&>(*target);
  return revision.deployment().lane(exchange.loop()).dispatch(target, exchange);
}

std::shared_ptr<Flight> Deployments::ask(const std::shared_ptr<Target>& target,
                                         Exchange& exchange) {
  const auto& revision = static_cast<const Revision&>(*target);
  return revision.deployment().lane(exchange.loop()).ask(target, exchange);
}

std::size_t Deployments::size() const {
  return names()->entries.size();
}

std::vector<DeploymentStatus> Deployments::status() const {
  std::vector<DeploymentStatus> all;
  const std::shared_ptr<const Names> now = names();
  for (const auto& [name, entry] : now->entries) {
    all.push_back(entry.wanted->deployment().status());
  }
  std::vector<std::shared_ptr<Deployment>> leaving;
  {
    const std::lock_guard lock(mutex_);
    leaving = leaving_;
  }
  for (const auto& deployment : leaving) {
    if (deployment->gone() || now->entries.contains(name_of(deployment->key()))) continue;
    all.push_back(deployment->status());
  }
  std::ranges::sort(all, {}, &DeploymentStatus::key);
  return all;
}

std::optional<DeploymentStatus> Deployments::status_of(const DeploymentKey& key) const {
  const std::shared_ptr<const Names> all = names();
  const auto found = all->entries.find(name_of(key));
  if (found == all->entries.end()) return std::nullopt;
  return found->second.wanted->deployment().status();
}

void Deployments::for_each_replica(
    const std::function<void(const DeploymentKey&, const workers::Replica&)>& visit) const {
  const auto visit_all = [&](const Deployment& deployment) {
    for (const auto& slot : deployment.ready()) visit(deployment.key(), slot->replica());
  };
  for (const auto& [name, entry] : names()->entries) {
    visit_all(entry.wanted->deployment());
    if (entry.canary) visit_all(entry.canary->revision->deployment());
  }
}

}  // namespace tenon::lifecycle
