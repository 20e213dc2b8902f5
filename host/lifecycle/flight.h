#pragma once

#include <memory>

#include "host/lifecycle/clock.h"
#include "host/lifecycle/deployment.h"
#include "host/lifecycle/dispatcher.h"
#include "host/lifecycle/remembered.h"

namespace tenon::lifecycle {

class Lane;
class RequestFlight;
struct LaneReplica;

// Requests that wait, first come first served; keeps them alive.
class FlightQueue {
 public:
  bool empty() const { return first_ == nullptr; }
  RequestFlight* front() const { return first_.get(); }
  RequestFlight* back() const { return last_; }
  void push_back(std::shared_ptr<RequestFlight>);
  void push_front(std::shared_ptr<RequestFlight>);
  std::shared_ptr<RequestFlight> remove(RequestFlight&);

 private:
  std::shared_ptr<RequestFlight> first_;
  RequestFlight* last_ = nullptr;
};

// One request of one event loop, from dispatch() to its last call.
class RequestFlight final : public Flight,
                            public workers::ResponseSink,
                            public std::enable_shared_from_this<RequestFlight> {
 public:
  RequestFlight(std::shared_ptr<Target> target, Lane& lane, Exchange& exchange, bool passive)
      : target_(std::move(target)), lane_(&lane), exchange_(&exchange), passive_(passive) {}

  bool send_body(std::span<const std::byte>, bool last) override;
  void grant(std::uint64_t bytes) override;
  void abandon() override;
  std::uint64_t revision() const override { return revision_; }

  void on_response(const workers::ResponseMessage&) override;
  void on_consumed(std::uint64_t bytes) override;

 private:
  friend class Lane;
  friend class FlightQueue;

  enum class State : std::uint8_t {
    kNew,
    kQueued,
    kInReplica,
    kEnding,  // its last call was made or is posted
  };

  const Revision& target() const { return static_cast<const Revision&>(*target_); }
  const DeploymentKey& key() const { return target().deployment().key(); }

  // In a replica with a body that goes on: tells the exchange so, now or a turn later.
  void announce();
  void announce_later();
  void on_room();

  void refuse(const Refusal&);
  void refuse_later(Refusal);
  void answer_later(std::shared_ptr<const Answer>);

  void finish(const workers::ResponseMessage&);
  void after_death(std::shared_ptr<RequestFlight> self, const workers::ResponseMessage&);

  std::shared_ptr<Target> target_;
  Lane* lane_;
  Exchange* exchange_;              // null once nothing more is to be told
  LaneReplica* replica_ = nullptr;  // while kInReplica
  workers::RequestId id_ = 0;
  std::uint64_t revision_ = 0;  // of the last replica that took it
  TimePoint deadline_{};        // while kQueued
  TimePoint since_{};           // … since when
  State state_ = State::kNew;
  std::uint8_t deaths_ = 0;
  bool passive_;
  bool body_open_ = false;   // the last view was not complete
  bool answering_ = false;   // the exchange got a message
  bool wants_room_ = false;  // send_body() was refused
  std::unique_ptr<Recorder> recorder_;

  std::shared_ptr<RequestFlight> next_;  // in a queue
  RequestFlight* previous_ = nullptr;
  std::shared_ptr<RequestFlight> self_;  // while in a replica, which holds a plain reference
};

}  // namespace tenon::lifecycle
