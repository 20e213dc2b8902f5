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

// Keys point into the revisions' specs.
struct Deployments::Names {
  std::unordered_map<Name, std::shared_ptr<Revision>, NameHash> revisions;
};

struct Deployments::NamesOfThread {
  std::uint64_t instance = 0, version = 0;
  std::shared_ptr<const Names> names;
  // The same revisions, each behind a reference count of this thread's own.
  std::unordered_map<Name, std::shared_ptr<Target>, NameHash> targets;
};

Deployments::Deployments(EventLoops& loops, workers::ReplicaLauncher& launcher, Clock& clock,
                         telemetry::Metrics& metrics, KeeperOptions options)
    : context_(std::make_shared<Context>(
          Context{loops, clock, metrics,
                  [this](const std::shared_ptr<Deployment>& d) { keeper_.consider(*d); }})),
      keeper_(context_, launcher, options),
      instance_(next_instance()),
      names_(std::make_shared<Names>()) {}

Deployments::~Deployments() = default;

std::shared_ptr<const Deployments::Names> Deployments::names() const {
  const std::lock_guard lock(mutex_);
  return names_;
}

void Deployments::apply(std::vector<Wanted> wanted) {
  const std::shared_ptr<const Names> before = names();
  auto after = std::make_shared<Names>();
  std::vector<std::shared_ptr<Revision>> adopted;
  for (Wanted& w : wanted) {
    const auto found = before->revisions.find(name_of(w.spec.key));
    const bool known = found != before->revisions.end();
    auto deployment = known ? found->second->shared_deployment()
                            : std::make_shared<Deployment>(w.spec.key, context_, next_id_++);
    auto revision = std::make_shared<Revision>(std::move(w.spec), std::move(w.plugin),
                                               std::move(w.grant), std::move(deployment));
    if (known && *found->second == *revision) {
      revision = found->second;
    } else {
      adopted.push_back(revision);
    }
    after->revisions.emplace(name_of(revision->spec().key), revision);
  }
  {
    const std::lock_guard lock(mutex_);
    names_ = after;
  }
  version_.fetch_add(1, std::memory_order_release);
  for (const auto& [name, revision] : before->revisions) {
    if (!after->revisions.contains(name)) keeper_.remove(revision->deployment());
  }
  for (auto& revision : adopted) keeper_.adopt(std::move(revision));
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
  const auto found = mine.names->revisions.find(name);
  if (found == mine.names->revisions.end()) return nullptr;
  const std::shared_ptr<Revision>& revision = found->second;
  std::shared_ptr<Target> target(revision.get(), [held = revision](Target*) {});
  mine.targets.emplace(found->first, target);
  return target;
}

Refusal Deployments::explain_missing(std::string_view workspace, std::string_view model,
                                     std::string_view environment) const {
  bool workspace_known = false;
  std::string known;
  for (const auto& [name, revision] : names()->revisions) {
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

std::vector<DeploymentStatus> Deployments::status() const {
  std::vector<DeploymentStatus> all;
  for (const auto& [name, revision] : names()->revisions) {
    all.push_back(revision->deployment().status());
  }
  std::ranges::sort(all, {}, &DeploymentStatus::key);
  return all;
}

void Deployments::for_each_replica(
    const std::function<void(const DeploymentKey&, const workers::Replica&)>& visit) const {
  for (const auto& [name, revision] : names()->revisions) {
    for (const auto& slot : revision->deployment().ready()) {
      visit(revision->deployment().key(), slot->replica());
    }
  }
}

}  // namespace tenon::lifecycle
