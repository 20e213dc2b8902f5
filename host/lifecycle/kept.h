#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/lifecycle/deployment.h"
#include "host/lifecycle/meter.h"
#include "host/lifecycle/replica_slot.h"
#include "host/scheduler/restarts.h"

namespace tenon::lifecycle {

// What the keeper keeps of a deployment. [control]
struct Kept {
  std::shared_ptr<const Revision> revision;  // that replicas are started for
  std::shared_ptr<const Revision> wanted;    // as given last; not `revision` when that one failed
  std::shared_ptr<const Revision> serving;   // that requests are for
  std::shared_ptr<const Revision> previous;  // once served, until `revision` does
  std::uint64_t told_ready = 0, told_failed = 0;    // numbers of the last revisions that were
  std::vector<std::shared_ptr<ReplicaSlot>> slots;  // until their processes are gone
  Phase phase = Phase::kCreated;
  bool off = false;         // deactivated, forbidden, or a canary that failed
  bool proven = false;      // a replica of `revision` was ready once
  bool ever_ready = false;  // a replica of any was

  // Requests are on their way from one revision to another.
  unsigned scale_before = 0;   // replicas that the earlier one had ready
  unsigned at_least = 0;       // of the new one
  bool sharing = false;        // both get requests
  bool canary_leaves = false;  // it is what follows, and goes when all requests have moved
  bool removed = false;

  scheduler::Restarts restarts;
  std::unique_ptr<Meter> meter;       // since it was first asked
  std::uint64_t bytes = 0;            // of a replica: measured, else predicted; 0: not known
  std::uint64_t estimated_bytes = 0;  // by its plugin, mapped files too; 0: not known
  std::uint64_t device_bytes = 0;     // of a replica on each of its devices; as bytes
  unsigned threads = 0;               // as predicted
  bool asking_estimate = false;
  bool estimated = false;
  bool claims = false;       // stands among those that wait for room
  bool unplaced = false;     // refused for a while, since this machine has no place for it
  TimePoint wanted_since{};  // another replica; zero: none is wanted
  TimePoint idle_check{};    // zero: none
  TimePoint check_at{};      // when it is considered next; zero: when something happens

  struct Count {
    unsigned ready = 0, starting = 0;
    unsigned old_ready = 0, old_starting = 0;  // of an earlier revision
    std::uint64_t in_flight = 0;
    unsigned have() const { return ready + starting; }
    unsigned old() const { return old_ready + old_starting; }
  };

  Deployment& deployment() const { return revision->deployment(); }
  const Scale& scale() const { return revision->spec().scale; }

  // Serves another revision than is wanted, or on a flavor that is not allowed any more.
  bool is_old(const ReplicaSlot&) const;
  Count count() const;
  bool rolling() const;  // earlier replicas are still to be followed
  // The replicas that get requests.
  std::vector<std::shared_ptr<ReplicaSlot>> listed() const;
  std::uint64_t memory_bytes() const;  // of the ready ones
  // Room, restarts and estimates are learned anew for another worker.
  void forget_learned();
};

// Where a replica may be placed, the best first; nothing when the terms leave no flavor. Empty is
// any CPU.
std::optional<std::vector<Flavor>> flavors_of(const DeploymentSpec&, const Terms&);
bool flavor_allowed(const Terms&, const std::string& flavor);

}  // namespace tenon::lifecycle
