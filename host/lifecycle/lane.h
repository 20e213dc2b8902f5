#pragma once

#include <memory>
#include <vector>

#include "host/lifecycle/clock.h"
#include "host/lifecycle/deployment.h"
#include "host/lifecycle/flight.h"
#include "host/lifecycle/replica_slot.h"

namespace tenon::lifecycle {

// A ready replica as one event loop sees it.
struct LaneReplica {
  std::shared_ptr<ReplicaSlot> slot;
  unsigned open = 0;   // this loop's requests inside; it stays here until they are out
  bool gone = false;   // takes no more requests; the keeper knows or will know
  bool listed = true;  // among the ready ones
  unsigned tried = 0;  // the round in which it was busy
  std::vector<std::weak_ptr<RequestFlight>> want_room;
};

// A deployment's requests of one event loop: its queue, and who is in which replica. Everything
// here happens on that loop, without locks. Waiting is first come, first served within a loop.
//
// Races, and how they end: a replica that closes or dies between being picked and submit() refuses
// the request, which then goes elsewhere or waits; one that dies with requests inside gives each a
// last message on this loop, which moves or ends it; a client that goes away does so on this loop,
// so before or after the last message, never during.
class Lane {
 public:
  Lane(Deployment&, unsigned loop);
  ~Lane();

  std::shared_ptr<Flight> dispatch(const std::shared_ptr<Target>&, Exchange&);
  std::shared_ptr<Flight> ask(const std::shared_ptr<Target>&, Exchange&);

  void refresh();  // takes the deployment's ready replicas, its canary and its budget over
  void forget_canary() { canary_.reset(); }
  void refuse_waiting(const Refusal&);
  void on_room(const ReplicaSlot&);
  bool disposable() const { return queue_.empty() && replicas_.empty(); }

  boost::asio::io_context& loop() const;

  // A canary's request that it could not serve.
  void take_over(std::shared_ptr<RequestFlight>);

  // Of flights.
  void release(RequestFlight&);  // is out of its replica
  void spend(const workers::Usage&);
  void retry(std::shared_ptr<RequestFlight>);
  void forget(RequestFlight&);  // takes it out of the queue
  void remember(Recorder&, std::uint64_t revision);
  void flush();  // hands waiting requests over for as long as there is room

 private:
  std::optional<Refusal> over_budget() const;
  void list_ready();
  // A canary's refused requests are its main deployment's.
  void refuse_later(std::shared_ptr<RequestFlight>, Refusal);
  LaneReplica* pick();
  bool submit(RequestFlight&);
  void enqueue(std::shared_ptr<RequestFlight>);
  void wait(std::shared_ptr<RequestFlight>, bool in_front);
  bool any_open() const;
  void on_alarm();
  void set_alarm();

  Deployment& deployment_;
  const unsigned loop_;
  std::vector<std::unique_ptr<LaneReplica>> replicas_;
  std::shared_ptr<const Canary> canary_;
  metering::TokenBudget budget_;
  FlightQueue queue_;
  unsigned round_ = 0;
  std::unique_ptr<Alarm> alarm_;  // at the first waiting request's deadline; only while one waits
};

}  // namespace tenon::lifecycle
