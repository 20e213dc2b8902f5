#include "host/lifecycle/flight.h"

#include <boost/asio/post.hpp>
#include <charconv>

#include "host/lifecycle/lane.h"
#include "host/lifecycle/replica_slot.h"

namespace tenon::lifecycle {

void FlightQueue::push_back(std::shared_ptr<RequestFlight> flight) {
  RequestFlight* added = flight.get();
  added->previous_ = last_;
  (last_ ? last_->next_ : first_) = std::move(flight);
  last_ = added;
}

void FlightQueue::push_front(std::shared_ptr<RequestFlight> flight) {
  RequestFlight* added = flight.get();
  added->next_ = std::move(first_);
  (added->next_ ? added->next_->previous_ : last_) = added;
  first_ = std::move(flight);
}

std::shared_ptr<RequestFlight> FlightQueue::remove(RequestFlight& flight) {
  std::shared_ptr<RequestFlight>& link = flight.previous_ ? flight.previous_->next_ : first_;
  std::shared_ptr<RequestFlight> removed = std::move(link);
  link = std::move(flight.next_);
  (link ? link->previous_ : last_) = flight.previous_;
  flight.previous_ = nullptr;
  return removed;
}

bool RequestFlight::send_body(std::span<const std::byte> bytes, bool last) {
  if (!exchange_ || state_ == State::kEnding) return true;  // nobody wants it any more
  if (state_ == State::kInReplica && replica_->slot->replica().send_body(id_, bytes, last)) {
    return true;
  }
  if (!wants_room_ && state_ == State::kInReplica) {
    replica_->want_room.push_back(weak_from_this());
  }
  wants_room_ = true;
  return false;
}

void RequestFlight::grant(std::uint64_t bytes) {
  if (state_ == State::kInReplica) replica_->slot->replica().grant(id_, bytes);
}

void RequestFlight::abandon() {
  if (!exchange_) return;
  exchange_ = nullptr;
  if (state_ == State::kEnding) return;
  const std::shared_ptr<RequestFlight> self = shared_from_this();
  target().deployment().metrics().cancelled();
  if (state_ == State::kQueued) {
    lane_->forget(*this);
    state_ = State::kEnding;
  } else if (state_ == State::kInReplica) {
    replica_->slot->replica().cancel(id_);
  }
}

void RequestFlight::on_consumed(std::uint64_t bytes) {
  if (exchange_) exchange_->on_consumed(bytes);
}

void RequestFlight::on_room() {
  if (!wants_room_) return;
  wants_room_ = false;
  if (exchange_ && state_ == State::kInReplica) exchange_->on_room();
}

void RequestFlight::announce() {
  if (!body_open_ || !exchange_ || state_ != State::kInReplica) return;
  exchange_->on_submitted();
  on_room();
}

void RequestFlight::announce_later() {
  if (!body_open_) return;
  boost::asio::post(lane_->loop(), [self = shared_from_this(), replica = replica_] {
    // It may be on its way through a second replica by now, which was announced by itself.
    if (self->replica_ == replica) self->announce();
  });
}

void RequestFlight::refuse(const Refusal& refusal) {
  state_ = State::kEnding;
  Exchange* exchange = std::exchange(exchange_, nullptr);
  if (!exchange) return;
  exchange->on_refused(refusal);
}

void RequestFlight::refuse_later(Refusal refusal) {
  state_ = State::kEnding;
  boost::asio::post(lane_->loop(), [self = shared_from_this(), refusal = std::move(refusal)] {
    self->refuse(refusal);
  });
}

void RequestFlight::answer_later(std::shared_ptr<const Answer> answer) {
  revision_ = answer->revision;
  state_ = State::kEnding;
  boost::asio::post(lane_->loop(), [self = shared_from_this(), answer = std::move(answer)] {
    Exchange* exchange = std::exchange(self->exchange_, nullptr);
    if (!exchange) return;
    std::vector<workers::HeaderView> headers;
    for (const auto& [name, value] : answer->headers) headers.push_back({name, value});
    // Says how old a remembered answer is, as a cache does.
    char age[24];
    if (answer->when != TimePoint{}) {
      const TimePoint now = self->target().deployment().context().clock.now();
      const auto seconds = std::chrono::floor<std::chrono::seconds>(now - answer->when).count();
      const char* end = std::to_chars(age, age + sizeof age, seconds).ptr;
      headers.push_back({"age", {age, static_cast<std::size_t>(end - age)}});
    }
    workers::ResponseMessage message;
    message.status = answer->status;
    message.headers = headers;
    message.body = std::as_bytes(std::span(answer->body));
    message.final = true;
    exchange->on_response(message);
  });
}

void RequestFlight::on_response(const workers::ResponseMessage& message) {
  if (message.final) return finish(message);
  replica_->slot->note_answer();
  if (!exchange_) return;
  answering_ = true;
  if (recorder_) recorder_->add(message);
  exchange_->on_response(message);
}

void RequestFlight::finish(const workers::ResponseMessage& message) {
  const std::shared_ptr<RequestFlight> self = std::move(self_);
  const bool died = message.failure && message.failure->kind != workers::Failure::Kind::kAnswered;
  if (died) {
    replica_->gone = true;
  } else {
    replica_->slot->note_answer();
    if (!passive_) replica_->slot->note_served(message.usage);
  }
  if (!passive_) lane_->spend(message.usage);
  lane_->release(*this);
  if (exchange_ && died) {
    after_death(self, message);
  } else {
    state_ = State::kEnding;
    if (recorder_ && exchange_) {
      recorder_->add(message);
      lane_->remember(*recorder_, revision_);
    }
    // The exchange may dispatch its next request from here: this one is wholly over.
    if (Exchange* exchange = std::exchange(exchange_, nullptr)) exchange->on_response(message);
  }
  lane_->flush();
}

void RequestFlight::after_death(std::shared_ptr<RequestFlight> self,
                                const workers::ResponseMessage& message) {
  ++deaths_;
  if (answering_) {  // the client has a part of it: all that is left is to cut it
    state_ = State::kEnding;
    std::exchange(exchange_, nullptr)->on_response(message);
    return;
  }
  const Error& cause = message.failure->error;
  if (deaths_ > 1) return refuse(crashed_twice(key(), cause));
  if (passive_ || !exchange_->can_restart()) return refuse(crashed_once(key(), cause));
  target().deployment().metrics().retried();
  lane_->retry(std::move(self));
}

}  // namespace tenon::lifecycle
