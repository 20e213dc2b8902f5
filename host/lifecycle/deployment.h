#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/lifecycle/clock.h"
#include "host/lifecycle/dispatcher.h"
#include "host/lifecycle/life_event.h"
#include "host/lifecycle/load_gauge.h"
#include "host/lifecycle/refusals.h"
#include "host/lifecycle/remembered.h"
#include "host/loop/event_loops.h"
#include "host/metering/meter.h"
#include "host/metering/token_budget.h"
#include "host/scheduler/restarts.h"
#include "host/scheduler/rollout.h"
#include "host/telemetry/metrics.h"

namespace tenon::lifecycle {

class Deployment;
class Lane;
class ReplicaSlot;
class Revision;

// What all deployments of a host share.
struct Context {
  EventLoops& loops;
  Clock& clock;
  telemetry::Metrics& metrics;
  std::function<void(std::shared_ptr<Deployment>)> consider;  // [control]
  // Requests are the revision's from now on. [control]
  std::function<void(const std::shared_ptr<const Revision>&)> serves;
  LifeObserver* observer;  // may be null
  metering::Meter* meter;  // may be null
};

// What may change of a deployment without a new revision.
struct Terms {
  bool enabled = true;
  // Of the flavors that its spec lists, or of all; absent: each. A replica on another one is
  // drained and replaced.
  std::optional<std::vector<std::string>> allowed_flavors{};
  std::optional<std::string> forbidden{};  // why policies let it run nowhere

  bool operator==(const Terms&) const = default;
};

// A plugin's options, checked, with its defaults.
using Options = std::vector<std::pair<std::string, std::string>>;

// What replicas are started by. A fleet has many deployments, so they share what is the same.
struct Blueprint {
  std::shared_ptr<const DeploymentSpec> spec;
  std::shared_ptr<const plugins::Manifest> plugin;
  std::shared_ptr<const PluginGrant> grant;
  std::shared_ptr<const Options> options;
};

// A deployment as it was configured at one time; what find() gives out.
class Revision final : public Target {
 public:
  Revision(Blueprint blueprint, std::shared_ptr<Deployment> deployment, std::uint64_t number = 1,
           Terms terms = {})
      : blueprint_(std::move(blueprint)),
        deployment_(std::move(deployment)),
        number_(number),
        terms_(std::move(terms)) {}

  const DeploymentSpec& spec() const override { return *blueprint_.spec; }
  const plugins::Manifest& plugin() const override { return *blueprint_.plugin; }
  const PluginGrant& grant() const { return *blueprint_.grant; }
  const Options& options() const { return *blueprint_.options; }
  Deployment& deployment() const { return *deployment_; }
  const std::shared_ptr<Deployment>& shared_deployment() const { return deployment_; }

  std::uint64_t number() const { return number_; }
  const Terms& terms() const { return terms_; }

  // Whether a replica of the one serves the other: nothing differs that a worker sees.
  bool same_worker(const Revision&) const;
  bool operator==(const Revision&) const;

 private:
  Blueprint blueprint_;
  std::shared_ptr<Deployment> deployment_;
  std::uint64_t number_;
  Terms terms_;
};

// A revision that gets a share of a deployment's requests. It has replicas, a queue and a cold
// start of its own, as a deployment has: a second one behind the same name. What it cannot serve it
// gives back to the first.
struct Canary {
  std::shared_ptr<Revision> revision;
  unsigned weight = 0;  // percent
};

// What lasts of a deployment over its revisions, and what its event loops and the control loop
// share of it. Requests are handled by a Lane per event loop, replicas by the Keeper on the control
// loop; they meet in the fields here:
//
//  - the list of ready replicas: the keeper changes it and then tells the lanes that exist; a lane
//    that comes into being announces itself before it reads the list, so none misses a change;
//  - the count of waiting requests, and nudge(): a lane counts first and nudges then; the keeper
//    forgets the nudge first and reads the count then, so no request waits unseen;
//  - the gate: while it is shut, requests that find no ready replica are refused at once.
class Deployment : public std::enable_shared_from_this<Deployment> {
 public:
  // `main`: the deployment that this is a canary of.
  Deployment(DeploymentKey, std::shared_ptr<Context>, std::uint64_t id,
             std::shared_ptr<Deployment> main = nullptr);
  ~Deployment();

  const DeploymentKey& key() const { return key_; }
  std::uint64_t id() const { return id_; }
  const Context& context() const { return *context_; }
  telemetry::DeploymentMetrics& metrics() const { return *metrics_; }
  Deployment* main() const { return main_.get(); }  // null: it is no canary

  // [event loop `loop`]
  Lane& lane(unsigned loop);
  Lane* lane_if_any(unsigned loop);
  void drop_lane(unsigned loop);
  scheduler::Share& share(unsigned loop) { return cell(loop).share; }
  LoadGauge& gauge(unsigned loop) { return cell(loop).gauge; }

  // [any] Has the keeper look at this deployment soon.
  void nudge();

  // [event loops]
  std::vector<std::shared_ptr<ReplicaSlot>> ready() const;
  std::shared_ptr<const Canary> canary() const;
  metering::TokenBudget budget() const;
  unsigned queued() const { return queued_.load(); }
  bool enter_queue(unsigned limit);  // false: full
  void leave_queue();
  void note_waiting(TimePoint since);
  // When this many are in flight in its least loaded replica, another might help.
  unsigned grow_above() const { return grow_above_.load(std::memory_order_relaxed); }
  std::optional<Refusal> gate();  // why requests are refused at once
  Progress progress() const;
  std::shared_ptr<const Answer> remembered(std::string_view question) const;
  void remember(std::string question, std::shared_ptr<const Answer>);

  // [control]
  void forget_nudge() { nudged_.store(false); }
  void publish(std::vector<std::shared_ptr<ReplicaSlot>> ready);  // and tells the lanes
  void set_canary(std::shared_ptr<const Canary>);                 // and tells the lanes
  void set_budget(metering::TokenBudget);                         // and tells the lanes
  // All that wait now; of a canary, they go on to its main deployment.
  void fail_waiting(const Refusal&);
  // Breaks the ring of a deployment and its canary, once no loop runs any more.
  void forget_canary();
  void shut_gate(Refusal, TimePoint until);  // TimePoint::max(): until it is opened
  void open_gate();
  LoadGauge::Reading load(TimePoint now) const;  // of all loops
  void grow_above(unsigned in_flight) { grow_above_.store(in_flight, std::memory_order_relaxed); }
  TimePoint take_waiting_since();

  // What the keeper tells of itself. Written on the control loop, under the mutex.
  struct View {
    std::string runtime;
    scheduler::Restarts restarts;
    std::unique_ptr<ColdStart> last_cold_start;
    std::optional<std::string> last_error;
    std::unique_ptr<std::string> placement;  // the last decision, in words
    Progress progress;
    unsigned starting = 0;
    bool ever_ready = false;
    bool gone = false;
    Phase phase = Phase::kCreated;
    std::uint64_t revision = 0, next = 0;
    std::unique_ptr<FailedRevision> failed;
  };
  template <class Change>
  void change_view(Change change) {
    const std::lock_guard lock(mutex_);
    change(view_);
  }

  // [control] Tells the observer.
  void record(LifeEvent::Type, std::uint64_t revision, std::string message = {});
  Phase phase() const;
  bool gone() const;  // [any] deleted, and its last replica is gone

  DeploymentStatus status() const;  // [any]

 private:
  struct Cell;
  Cell& cell(unsigned loop);
  DeploymentStatus own_status() const;
  void tell_lanes(std::function<void(Deployment&, unsigned loop)>);
  void refresh_lanes();

  // What one loop has of it; made when the first request comes there.
  struct Cell {
    std::atomic<bool> present{false};
    std::unique_ptr<Lane> lane;  // touched on its loop only
    scheduler::Share share;      // of the canary; likewise
    LoadGauge gauge;             // outlives the lane
  };

  const DeploymentKey key_;
  const std::shared_ptr<Context> context_;
  const std::shared_ptr<telemetry::DeploymentMetrics> metrics_;
  const std::uint64_t id_;
  const std::shared_ptr<Deployment> main_;
  std::vector<std::atomic<Cell*>> cells_;  // owned; each set once, on its loop

  std::atomic<unsigned> queued_{0};
  std::atomic<unsigned> grow_above_{~0U};
  std::atomic<bool> nudged_{false};
  std::atomic<bool> gate_shut_{false};
  std::atomic<TimePoint::rep> waiting_since_{0};  // 0: nobody waits

  mutable std::mutex mutex_;  // of what follows; never held while anything else is called
  std::vector<std::shared_ptr<ReplicaSlot>> ready_;
  std::shared_ptr<const Canary> canary_;
  std::unique_ptr<metering::TokenBudget> budget_;  // null: tokens are not limited
  std::unique_ptr<std::pair<Refusal, TimePoint>> gate_;
  std::unique_ptr<Remembered> remembered_;
  View view_;
};

}  // namespace tenon::lifecycle
