#include "host/control/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <map>
#include <set>

#include "host/config/manifest.h"
#include "host/control/canary.h"
#include "host/control/placement.h"
#include "host/policy/combination.h"

namespace tenon::control {
namespace {

constexpr std::size_t kShownNames = 5;

std::string document(const Draft& draft) {
  return boost::json::serialize(config::spec_json(draft, true));
}

bool below(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

// The resources as they would be.
class Next {
 public:
  explicit Next(const Snapshot& now) : now_(now) {}

  // Null: removed. The draft must outlive this.
  void set(const ResourceKey& key, const Draft* draft) { changed_[key] = draft; }
  const Draft* find(const ResourceKey& key) const {
    if (const auto found = changed_.find(key); found != changed_.end()) return found->second;
    const Entry* entry = now_.find(key);
    return entry ? &entry->draft : nullptr;
  }
  template <class Visit>
  void each(Kind kind, std::string_view workspace, Visit visit) const {
    now_.each(kind, workspace, [&](const Entry& entry) {
      if (!changed_.contains(entry.key())) visit(entry.draft);
    });
    for (const auto& [key, draft] : changed_) {
      if (draft && key.kind == kind && (workspace.empty() || key.workspace == workspace)) {
        visit(*draft);
      }
    }
  }

 private:
  const Snapshot& now_;
  std::map<ResourceKey, const Draft*> changed_;
};

class Planner {
 public:
  Planner(const Snapshot& now, std::span<const Wish> changes, const Who& who, const Ground& ground)
      : now_(now), changes_(changes), who_(who), ground_(ground), next_(now) {}

  std::expected<Plan, std::vector<Refused>> run() {
    for (std::size_t i = 0; i < changes_.size(); ++i) take(i);
    add_environments();
    for (std::size_t i = 0; i < changes_.size(); ++i) {
      if (accepted_[i]) check(i);
    }
    for (const auto& [key, change] : affected_) check_placement(change, key);
    check_standing();
    if (!refused_.empty()) return std::unexpected(std::move(refused_));
    return std::move(plan_);
  }

 private:
  void refuse(std::size_t change, const ApiError& code, std::string message) {
    refused_.push_back({change, code, std::move(message)});
  }

  // Holds a change against the resource that it is about.
  void take(std::size_t i) {
    const Wish& change = changes_[i];
    const ResourceKey& key = change.draft.key;
    const Entry* entry = now_.find(key);
    accepted_.push_back(false);
    Planned planned{key, store::Done::kUnchanged, entry ? document(entry->draft) : "",
                    change.remove ? "" : document(change.draft)};
    const bool same = entry && !change.remove && entry->draft == change.draft;
    planned.done = change.remove ? store::Done::kDeleted
                   : !entry      ? store::Done::kCreated
                   : same        ? store::Done::kUnchanged
                                 : store::Done::kConfigured;
    plan_.outcomes.push_back(std::move(planned));
    if (!seen_.insert(key).second) {
      return refuse(i, api::kBadRequest, fmt::format("{} is changed twice", to_string(key)));
    }
    if (change.remove && !entry) {
      return refuse(i, api::kResourceNotFound, fmt::format("there is no {}", to_string(key)));
    }
    if (const std::uint64_t has = entry ? entry->version : 0;
        change.version && *change.version != has) {
      return refuse(i, api::kVersionConflict,
                    has == 0 ? fmt::format("{} does not exist, the request is for its version {}",
                                           to_string(key), *change.version)
                             : fmt::format("{} has version {}, the request is for version {}: read "
                                           "it again and repeat the change",
                                           to_string(key), has, *change.version));
    }
    const bool inherits =
        entry && std::ranges::find(who_.heir_of, entry->authors->managed_by) != who_.heir_of.end();
    // A manifest that says what is there already takes nothing over.
    const bool mine = !entry || inherits || entry->authors->managed_by == who_.managed_by ||
                      entry->authors->managed_by == kMadeByHost;
    if (!mine && !who_.force && !same) {
      return refuse(i, api::kManagedElsewhere,
                    fmt::format("{} is managed by {}: change it there, or force the change",
                                to_string(key), entry->authors->managed_by));
    }
    accepted_[i] = true;
    next_.set(key, change.remove ? nullptr : &change.draft);
    if (!same || inherits) plan_.writes.push_back({change.draft, change.remove, who_.managed_by});
    if (!change.remove && !same) {
      check_trust(i);
      check_secrets(i);
    }
  }

  void check_secrets(std::size_t i) {
    const auto* spec = std::get_if<DeploymentSpec>(&changes_[i].draft.spec);
    if (!spec) return;
    for (const auto& [name, value] : spec->environment) {
      if (!value.empty() || std::ranges::find(spec->secrets, name) == spec->secrets.end()) continue;
      refuse(i, api::kUnprocessable,
             fmt::format("env.{}: a secret needs a value: {} = {{ value = \"…\", secret = true }}",
                         name, name));
    }
  }

  // What reaches the host itself is not for everyone.
  void check_trust(std::size_t i) {
    const auto* spec = std::get_if<DeploymentSpec>(&changes_[i].draft.spec);
    if (!spec || who_.trusted) return;
    if (spec->isolation == Isolation::kHost) {
      refuse(i, api::kForbidden, "isolation: only an admin may set \"host\"");
    }
    if (!may_read(who_, ground_, spec->model_path)) {
      refuse(i, api::kForbidden,
             fmt::format("origin: {} is outside of the folders that [host] modelRoots names; only "
                         "an admin may point there",
                         spec->model_path));
    }
  }

  // Every workspace has production and development.
  void add_environments() {
    for (std::size_t i = 0; i < changes_.size(); ++i) {
      const ResourceKey& key = changes_[i].draft.key;
      if (!accepted_[i] || changes_[i].remove || key.kind != Kind::kWorkspace) continue;
      for (const std::string_view name : {kProduction, kDevelopment}) {
        const ResourceKey environment{Kind::kEnvironment, key.name, std::string(name), ""};
        if (next_.find(environment)) continue;
        own_.push_back({environment, {}, Environment{environment.name, {}}});
      }
    }
    for (const Draft& draft : own_) {
      next_.set(draft.key, &draft);
      plan_.writes.push_back({draft, false, std::string(kMadeByHost)});
    }
  }

  // Holds a change against the other resources, and notes whose placement it may alter.
  void check(std::size_t i) {
    const Wish& change = changes_[i];
    const ResourceKey& key = change.draft.key;
    if (!change.remove && !key.workspace.empty() &&
        !next_.find({Kind::kWorkspace, "", key.workspace, ""})) {
      return refuse(i, api::kUnprocessable,
                    fmt::format("{}: there is no workspace '{}'", to_string(key), key.workspace));
    }
    switch (key.kind) {
      case Kind::kWorkspace:
        if (change.remove) check_workspace_removal(i, key);
        break;
      case Kind::kLocation:
        next_.each(Kind::kDeployment, "", [&](const Draft& d) { note(d.key, i); });
        break;
      case Kind::kPolicy:
        check_policy(i, change);
        break;
      case Kind::kEnvironment:
        check_environment(i, change);
        break;
      case Kind::kDeployment:
        if (!change.remove) check_deployment(i, change);
        break;
    }
  }

  void note(const ResourceKey& deployment, std::size_t change) {
    affected_.try_emplace(deployment, change);
  }

  void check_workspace_removal(std::size_t i, const ResourceKey& key) {
    std::vector<std::string> left;
    for (const Kind kind : {Kind::kDeployment, Kind::kPolicy}) {
      next_.each(kind, key.name, [&](const Draft& d) { left.push_back(to_string(d.key)); });
    }
    if (!left.empty()) {
      return refuse(i, api::kInUse, fmt::format("{} still holds {}", to_string(key), shown(left)));
    }
    now_.each(Kind::kEnvironment, key.name, [&](const Entry& entry) {
      if (seen_.contains(entry.key())) return;  // it goes by itself
      next_.set(entry.key(), nullptr);
      plan_.writes.push_back({entry.draft, true, {}});
    });
  }

  void check_policy(std::size_t i, const Wish& change) {
    const ResourceKey& key = change.draft.key;
    std::vector<std::string> users;
    const auto names_it = [&](const std::vector<std::string>& policies) {
      return std::ranges::find(policies, key.name) != policies.end();
    };
    next_.each(Kind::kEnvironment, key.workspace, [&](const Draft& d) {
      if (!names_it(std::get<Environment>(d.spec).policies)) return;
      users.push_back(to_string(d.key));
      note_deployments_of(d.key, i);
    });
    next_.each(Kind::kDeployment, key.workspace, [&](const Draft& d) {
      if (!names_it(std::get<DeploymentSpec>(d.spec).policies)) return;
      users.push_back(to_string(d.key));
      note(d.key, i);
    });
    if (users.empty()) return;
    if (change.remove) {
      refuse(i, api::kInUse,
             fmt::format("{} is still used by {}: take it off there first", to_string(key),
                         shown(users)));
    }
  }

  void check_environment(std::size_t i, const Wish& change) {
    const ResourceKey& key = change.draft.key;
    if (!change.remove) {
      check_policy_names(i, key, std::get<Environment>(change.draft.spec).policies);
      return note_deployments_of(key, i);
    }
    if (key.name == kProduction || key.name == kDevelopment) {
      return refuse(
          i, api::kInUse,
          fmt::format("{}: every workspace has production and development", to_string(key)));
    }
    std::vector<std::string> left;
    next_.each(Kind::kDeployment, key.workspace, [&](const Draft& d) {
      if (d.key.environment == key.name) left.push_back(to_string(d.key));
    });
    if (!left.empty()) {
      refuse(i, api::kInUse, fmt::format("{} still holds {}", to_string(key), shown(left)));
    }
  }

  void note_deployments_of(const ResourceKey& environment, std::size_t change) {
    next_.each(Kind::kDeployment, environment.workspace, [&](const Draft& d) {
      if (d.key.environment == environment.name) note(d.key, change);
    });
  }

  void check_deployment(std::size_t i, const Wish& change) {
    const ResourceKey& key = change.draft.key;
    if (!next_.find(environment_of(key))) {
      std::vector<std::string> known;
      next_.each(Kind::kEnvironment, key.workspace,
                 [&](const Draft& d) { known.push_back(d.key.name); });
      return refuse(i, api::kUnprocessable,
                    fmt::format("environment: there is no environment '{}' in workspace '{}'; it "
                                "has {}",
                                key.environment, key.workspace, fmt::join(known, ", ")));
    }
    if (check_policy_names(i, key, std::get<DeploymentSpec>(change.draft.spec).policies)) {
      note(key, i);
    }
  }

  bool check_policy_names(std::size_t i, const ResourceKey& key,
                          const std::vector<std::string>& names) {
    bool all = true;
    for (const std::string& name : names) {
      if (next_.find({Kind::kPolicy, key.workspace, name, ""})) continue;
      all = false;
      refuse(
          i, api::kUnprocessable,
          fmt::format("policies: there is no policy '{}' in workspace '{}'", name, key.workspace));
    }
    return all;
  }

  // Replicas that are always there must fit.
  void check_standing() {
    std::uint64_t standing = 0;
    next_.each(Kind::kDeployment, "", [&](const Draft& d) {
      standing += standing_replicas(std::get<DeploymentSpec>(d.spec), now_.find(d.key));
    });
    if (standing <= ground_.replicas) return;
    for (std::size_t i = 0; i < changes_.size(); ++i) {
      const auto* spec = std::get_if<DeploymentSpec>(&changes_[i].draft.spec);
      if (!accepted_[i] || changes_[i].remove || !spec || spec->scale.min_replicas == 0) continue;
      return refuse(i, api::kUnprocessable,
                    fmt::format("scale.minReplicas: with {} they add up to {}, but 'replicas' in "
                                "[host.limits] is {}",
                                to_string(changes_[i].draft.key), standing, ground_.replicas));
    }
  }

  // What the policies leave of the places where a deployment may run.
  void check_placement(std::size_t change, const ResourceKey& key) {
    const Draft* draft = next_.find(key);
    const Draft* in = draft ? next_.find(environment_of(key)) : nullptr;
    if (!in) return;
    const auto& spec = std::get<DeploymentSpec>(draft->spec);
    const policy::Level environment{to_string(in->key),
                                    level(key, std::get<Environment>(in->spec).policies)};
    const policy::Level own{to_string(key), level(key, spec.policies)};
    std::vector<Flavor> listed;
    for (const std::string& text : spec.flavors) {
      if (auto flavor = parse_flavor(text)) listed.push_back(*std::move(flavor));
    }
    const auto allowed = policy::combine_for(environment, own, listed, sites());
    const bool written = seen_.contains(key);
    if (!allowed && !written && who_.force) return;  // then it fails, and never runs elsewhere
    if (!allowed) return refuse(change, api::kPolicyViolation, allowed.error().message);
    if (changes_[change].draft.key != key) return;
    if (const auto each = policy::check_listed(environment, own, listed); !each) {
      refuse(change, api::kPolicyViolation, each.error().message);
    }
  }

  std::vector<const Policy*> level(const ResourceKey& of, const std::vector<std::string>& names) {
    return named_policies([this](const ResourceKey& key) { return next_.find(key); }, of.workspace,
                          names);
  }

  const std::vector<policy::Site>& sites() {
    if (!sites_) {
      sites_.emplace();
      next_.each(Kind::kLocation, "", [&](const Draft& d) {
        sites_->push_back({std::get<Location>(d.spec), std::nullopt});
      });
    }
    return *sites_;
  }

  static std::string shown(const std::vector<std::string>& names) {
    if (names.size() <= kShownNames) return fmt::format("{}", fmt::join(names, ", "));
    return fmt::format("{} and {} more",
                       fmt::join(names.begin(), names.begin() + kShownNames, ", "),
                       names.size() - kShownNames);
  }

  const Snapshot& now_;
  const std::span<const Wish> changes_;
  const Who& who_;
  const Ground& ground_;
  Next next_;
  Plan plan_;
  std::vector<Refused> refused_;
  std::vector<bool> accepted_;
  std::set<ResourceKey> seen_;
  std::vector<Draft> own_;                       // environments that come with new workspaces
  std::map<ResourceKey, std::size_t> affected_;  // deployments, and the change that asks
  std::optional<std::vector<policy::Site>> sites_;
};

}  // namespace

bool may_read(const Who& who, const Ground& ground, std::string_view folder) {
  return who.trusted || std::ranges::any_of(ground.model_roots, [&](const std::string& root) {
           return below(folder, root);
         });
}

std::expected<Plan, std::vector<Refused>> plan(const Snapshot& now, std::span<const Wish> changes,
                                               const Who& who, const Ground& ground) {
  const auto canary = [](const Wish& wish) {
    const auto* spec = std::get_if<DeploymentSpec>(&wish.draft.spec);
    return spec && spec->canary;
  };
  if (std::ranges::none_of(changes, canary)) return Planner(now, changes, who, ground).run();
  std::vector<Wish> settled(changes.begin(), changes.end());
  for (Wish& wish : settled) {
    auto* spec = std::get_if<DeploymentSpec>(&wish.draft.spec);
    if (spec) settle_canary(*spec, now.find(wish.draft.key));
  }
  return Planner(now, settled, who, ground).run();
}

}  // namespace tenon::control
