#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/lifecycle/clock.h"
#include "host/metering/meter.h"
#include "host/workers/replica.h"

namespace tenon::lifecycle {

class Deployment;
class Keeper;
class Revision;

// One replica in the life cycle's hands, from its launch until its process is gone.
//
// Whether requests may enter, and how many are inside, is one atomic word, so that a replica is
// never ended with work in flight by a decision that did not know of it: the word is closed only
// if it counts no work.
class ReplicaSlot final : public workers::ReplicaObserver,
                          public std::enable_shared_from_this<ReplicaSlot> {
 public:
  ReplicaSlot(std::uint64_t id, std::shared_ptr<Deployment>, std::shared_ptr<const Revision>,
              Keeper&);

  std::uint64_t id() const { return id_; }
  Deployment& deployment() const { return *deployment_; }
  const std::shared_ptr<const Revision>& revision() const { return revision_; }
  // Of its revision: another one when that changed nothing that a worker sees. [any]
  std::uint64_t number() const { return number_.load(std::memory_order_relaxed); }
  workers::Replica& replica() const { return *replica_; }  // [any] once it was published as ready
  const std::shared_ptr<workers::Replica>& shared_replica() const { return replica_; }  // [control]

  // [event loops] Counts a request in. Returns how many are inside with it (passive ones not
  // counted); 0: closed.
  std::uint32_t enter(bool passive);
  // [event loops] Counts it out.
  void leave(bool passive);
  // [event loops] The first answer came.
  void note_answer();
  // [event loops] A request was served, with this usage.
  void note_served(const workers::Usage&);
  bool answered() const { return answered_.load(std::memory_order_relaxed); }  // [any]

  std::uint32_t in_flight() const { return static_cast<std::uint32_t>(word_.load()); }  // [any]
  TimePoint idle_since() const {
    return TimePoint(TimePoint::duration(idle_since_.load(std::memory_order_relaxed)));
  }

  // [control]
  bool close_if_idle();  // false: it has work
  void close() { word_.fetch_or(kClosed); }
  bool closed() const { return (word_.load() & kClosed) != 0; }
  // The next time that in_flight falls to 0 the deployment is considered.
  void watch() { watched_.store(true); }
  void note_idle(TimePoint since) {
    idle_since_.store(since.time_since_epoch().count(), std::memory_order_relaxed);
  }

  // [control] Written and read by the keeper.
  struct Kept {
    bool ready = false;
    std::string flavor;
    unsigned threads = 1;                 // of its lease
    std::chrono::nanoseconds cpu_seen{};  // counted for the scale already
    TimePoint waiting_since{};            // of the oldest request that it was started for
    TimePoint decided{}, launched{}, became_ready{}, progressed{};
    workers::StartTimes times;
  };
  Kept kept;

  void attach(std::shared_ptr<workers::Replica> replica) { replica_ = std::move(replica); }
  void number(std::uint64_t);
  // [control] What it holds is counted from the one call to the other.
  void begin_use();
  void end_use();
  void note_memory(std::uint64_t bytes);  // 0: not known
  bool attached() const { return replica_ != nullptr; }
  void forget_keeper() { keeper_ = nullptr; }

  void on_progress(double done, std::string_view what) override;
  void on_ready(const workers::StartTimes&) override;
  void on_gone(const workers::Gone&) override;
  void on_room(unsigned loop) override;

 private:
  static constexpr std::uint64_t kClosed = 1ULL << 63;
  static constexpr std::uint64_t kPassive = 1ULL << 32;
  static constexpr std::uint64_t kWork = 0xffff'ffffULL;

  const std::uint64_t id_;
  const std::shared_ptr<Deployment> deployment_;
  const std::shared_ptr<const Revision> revision_;
  std::atomic<std::uint64_t> number_;
  Keeper* keeper_;  // [control]
  std::shared_ptr<workers::Replica> replica_;

  // One for each number that it had: an event loop may still tell an earlier one.
  std::vector<std::unique_ptr<metering::ReplicaMeter>> meters_;  // [control]
  std::atomic<metering::ReplicaMeter*> meter_{nullptr};          // the last of them
  std::uint64_t memory_ = 0;

  // What every request writes lies apart from what it only reads.
  alignas(64) std::atomic<std::uint64_t> word_{0};  // closed | passive requests | requests
  std::atomic<TimePoint::rep> idle_since_{0};
  alignas(64) std::atomic<bool> watched_{false};
  std::atomic<bool> answered_{false};
};

}  // namespace tenon::lifecycle
