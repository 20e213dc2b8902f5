#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "host/domain/host_spec.h"
#include "host/lifecycle/deployment.h"
#include "host/lifecycle/kept.h"
#include "host/lifecycle/ledger.h"
#include "host/lifecycle/replica_slot.h"
#include "host/scheduler/placement.h"

namespace tenon::lifecycle {

struct KeeperOptions {
  RoomLimits limits;
  milliseconds drain{30'000};  // a replica that is ended may finish its requests for so long
  devices::Cpus cpus;          // of this machine; set_gpus() tells of the rest
  scheduler::RestartPolicy restarts;
  std::function<void(bool)> devices_held;  // whether any replica holds a device; may be empty
};

// What is known of a deployment from before.
struct Past {
  bool proven = false;                       // its revision has served
  std::shared_ptr<const Revision> previous;  // that has served, else
};

// Starts and ends replicas. Everything here happens on the control loop.
//
// Whatever happens (a nudge by a request, a replica that is ready, gone or idle, the alarm) leads
// to consider(): compare what a deployment has with what it should have, claim or give up room, set
// the alarm to when that may change by itself. At rest nothing is set.
class Keeper {
 public:
  Keeper(std::shared_ptr<Context>, workers::ReplicaLauncher&, KeeperOptions);
  ~Keeper();

  void set_limits(const RoomLimits&, milliseconds drain);
  // What the driver said last. Replicas on devices that are lost or failing are drained.
  void set_gpus(devices::Gpus);
  const Ledger& ledger() const { return ledger_; }
  // A new deployment with its past, or a new revision, terms or canary of one. Replicas that serve
  // it as well are kept; the others serve until as many new ones are ready.
  void adopt(const std::shared_ptr<const Revision>&, const std::shared_ptr<const Canary>& = {},
             const Past& = {});
  void remove(Deployment&);
  // Ends everything; `done` comes when no replica is left.
  void shutdown(milliseconds grace, std::move_only_function<void()> done);

  void consider(Deployment&);

  // Of slots.
  void on_progress(ReplicaSlot&, double done, std::string_view what);
  void on_ready(ReplicaSlot&, const workers::StartTimes&);
  void on_first_answer(ReplicaSlot&, TimePoint when);
  void on_gone(const std::shared_ptr<ReplicaSlot>&, const workers::Gone&);

 private:
  struct WaitingClaim {
    std::uint64_t deployment = 0;
    std::uint64_t slot = 0;  // that it becomes
    unsigned overtaken = 0;
  };

  Kept* find(const Deployment&);
  unsigned desired(const Kept&, const Kept::Count&) const;
  static const scheduler::Autoscaler& scaler(const Kept&);
  void measure(Kept&);
  bool lacks(const Kept&) const;  // replicas
  bool may_start(const Kept&) const;

  void give_up_stuck_loads(Kept&);
  void scale_down(Kept&);

  // ---- room: placing.cc
  void claim(Kept&);
  void ask_estimate(Kept&);
  void make_go(const std::vector<std::uint64_t>& victims);
  void settle_claims();
  bool settle_once();
  void sift_claims();
  std::vector<WaitingClaim> decidable();
  void follow(Kept&, const WaitingClaim&, const scheduler::Decision&);
  void launch(Kept&, std::uint64_t slot, const scheduler::Decision&);
  void give_back(const ReplicaSlot&);
  void refuse_unplaced(Kept&, const scheduler::Decision&);
  static void show_placement(Kept&, std::string words);
  void note_memory(ReplicaSlot&);
  void learn_memory(Kept&, ReplicaSlot&);
  void retire_troubled(Kept&);
  std::vector<scheduler::HeldReplica> held() const;
  scheduler::Inventory inventory(const std::vector<scheduler::HeldReplica>&) const;

  // ---- states and revisions: revisions.cc
  void step(Kept&, Turn);
  void take_revision(Kept&, const std::shared_ptr<const Revision>&);
  void end_those_of(Kept&, const Revision&);
  void take_terms(Kept&);
  void switch_off(Kept&, const Refusal&);
  void retire_disallowed(Kept&);
  // Moves requests on from earlier replicas. `blocked`: there is no room for another replica.
  void roll(Kept&, bool blocked);
  void finish_rollout(Kept&);
  void note_ready(Kept&, ReplicaSlot&);
  void serve(Kept&);
  void tell_ready(Kept&);
  bool revision_failed(Kept&, const std::string& reason);  // false: there is no other one to serve
  void take_canary(Kept&, const std::shared_ptr<const Canary>&);
  void drop_canary(Kept&);
  void drop_canary_later(const Kept&);
  void discard(Kept&);
  void forget(Kept&);

  void end(Kept&, ReplicaSlot&, milliseconds grace);
  void note_failure(Kept&, const ReplicaSlot&, const workers::Gone&);
  void evict(Kept&, ReplicaSlot&);
  void publish(Kept&);
  void show_gauges(const Kept&);
  void refresh(Kept&);  // what others see of it, and when to look again
  TimePoint next_check(const Kept&) const;
  void on_alarm();

  std::shared_ptr<Context> context_;
  workers::ReplicaLauncher& launcher_;
  KeeperOptions options_;
  Ledger ledger_;
  std::map<std::uint64_t, Kept> deployments_;  // removed ones until their replicas are gone
  std::vector<WaitingClaim> claims_;           // first come, first served
  std::set<std::pair<TimePoint, std::uint64_t>> schedule_;  // when to consider which deployment
  std::unique_ptr<Alarm> alarm_;                            // at the first of these
  std::uint64_t next_slot_ = 1;
  bool stopping_ = false;
  std::move_only_function<void()> stopped_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for callbacks of the launcher
};

}  // namespace tenon::lifecycle
