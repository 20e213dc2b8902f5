#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/domain/host_spec.h"
#include "host/lifecycle/deployment.h"
#include "host/lifecycle/dispatcher.h"
#include "host/lifecycle/keeper.h"

namespace tenon::lifecycle {

// A second revision that is to get a share of a deployment's requests.
struct WantedCanary {
  Blueprint blueprint;  // of the same key
  std::uint64_t revision = 0;
  unsigned weight = 0;  // percent
  Terms terms{};
};

// An earlier revision that is known to serve.
struct WantedEarlier {
  Blueprint blueprint;  // of the same key
  std::uint64_t revision = 0;
};

// A deployment as its owner wants it. A blueprint is immutable under its revision number; an
// earlier pair again rolls back. Only `terms`, `canary`, `budget` and what no worker sees (scale,
// limits) may change under the same number.
struct Wanted {
  Blueprint blueprint;
  std::uint64_t revision = 1;
  Terms terms{};
  std::optional<WantedCanary> canary{};
  metering::TokenBudget budget{};  // of all its revisions
  // What an earlier host found out; of a deployment that is new here.
  bool proven = false;                     // this revision has served
  std::optional<WantedEarlier> earlier{};  // else this one has: it serves if this one cannot
};

// All deployments of a host: finds them, hands requests over, keeps their replicas.
//
// Threads: find(), dispatch() and ask() on the event loops, status() anywhere, the rest on the
// control loop (or before the loops run). Destroyed after the loops have stopped. The launcher and
// what the Context names must outlive it.
class Deployments final : public Dispatcher {
 public:
  Deployments(EventLoops&, workers::ReplicaLauncher&, Clock&, telemetry::Metrics&,
              KeeperOptions = {}, LifeObserver* = nullptr, metering::Meter* = nullptr);
  ~Deployments() override;

  // Makes the deployments be these: new ones are added, those that are missing are drained and
  // forgotten, those that are the same are not touched. A new revision gets the requests once it
  // has as many replicas ready as the earlier one; if it fails to load, that one serves on.
  void apply(std::vector<Wanted>);
  void set_limits(const RoomLimits& limits, milliseconds drain) {
    keeper_.set_limits(limits, drain);
  }
  void set_gpus(devices::Gpus gpus) { keeper_.set_gpus(std::move(gpus)); }
  const Ledger& ledger() const { return keeper_.ledger(); }  // [any] what it says so of
  // Refuses new and waiting requests and ends every replica, which may finish what it has for
  // `grace`; zero ends them at once. `done` comes on the control loop when none is left. May be
  // called again with less grace.
  void shutdown(milliseconds grace, std::move_only_function<void()> done);

  std::shared_ptr<Target> find(std::string_view workspace, std::string_view model,
                               std::string_view environment) const override;
  Refusal explain_missing(std::string_view workspace, std::string_view model,
                          std::string_view environment) const override;
  std::shared_ptr<Flight> dispatch(const std::shared_ptr<Target>&, Exchange&) override;
  std::shared_ptr<Flight> ask(const std::shared_ptr<Target>&, Exchange&) override;
  std::size_t size() const;  // [any]
  std::vector<DeploymentStatus> status() const override;
  std::optional<DeploymentStatus> status_of(const DeploymentKey&) const override;

  // Every ready replica with its deployment, for the scrape. [any]
  void for_each_replica(
      const std::function<void(const DeploymentKey&, const workers::Replica&)>&) const;

 private:
  struct Names;  // an immutable map from names to revisions
  struct NamesOfThread;

  std::shared_ptr<const Names> names() const;
  void publish(std::shared_ptr<const Names>);
  void serves(const std::shared_ptr<const Revision>&);
  std::shared_ptr<const Canary> canary(Wanted&, const std::shared_ptr<Deployment>& main,
                                       const std::shared_ptr<const Canary>& before);

  const std::shared_ptr<Context> context_;
  Keeper keeper_;
  std::uint64_t next_id_ = 1;
  Names* pending_ = nullptr;  // while apply() makes them

  // find() reads a copy that its thread keeps for as long as the version stands, so that neither
  // the map nor a revision's reference count is shared between event loops.
  const std::uint64_t instance_;
  std::atomic<std::uint64_t> version_{1};
  mutable std::mutex mutex_;
  std::shared_ptr<const Names> names_;
  std::vector<std::shared_ptr<Deployment>> leaving_;  // deleted, and being drained
};

}  // namespace tenon::lifecycle
