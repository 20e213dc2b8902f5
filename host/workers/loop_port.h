#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/workers/answer_table.h"
#include "host/workers/descriptor.h"
#include "host/workers/replica.h"
#include "host/workers/ring.h"

namespace tenon::workers {

// The request ring of one worker, filled by all event loops in turn.
struct RequestQueue {
  explicit RequestQueue(RingView ring) : writer(ring) {}
  std::mutex mutex;
  RingWriter writer;
};

class PortOwner {
 public:
  // [the port's loop]
  virtual void on_violation(std::string rule) = 0;  // the worker broke a rule: end it
  virtual void on_room(std::uint32_t loop) = 0;
  virtual void on_drained(std::uint32_t loop) = 0;

 protected:
  ~PortOwner() = default;
};

// One event loop's side of a worker: puts requests into the shared ring, reads its own response
// ring. [that loop], unless a function says otherwise.
class LoopPort : public std::enable_shared_from_this<LoopPort> {
 public:
  // [control] The owner keeps memory and queue alive; `keep` keeps the owner while handlers wait.
  LoopPort(std::uint32_t loop, boost::asio::io_context& context, RequestQueue& queue,
           RingView responses, Descriptor bell, PortOwner& owner);

  void listen(std::shared_ptr<void> keep);
  std::expected<RequestId, SubmitError> submit(const RequestView&, ResponseSink&);
  bool send_body(RequestId, std::span<const std::byte>, bool last);
  void grant(RequestId, std::uint64_t bytes);
  void cancel(RequestId);

  // No new requests; the owner hears when none is open any more.
  void drain();
  // The worker has ended: serves what it had still said, fails the rest.
  void close(const Failure&);
  // Now and then, for a worker that does not ring or does not tell of room.
  void look_again();

  std::uint32_t open() const { return open_.load(std::memory_order_relaxed); }  // [any]
  boost::asio::io_context& context() { return context_; }

 private:
  struct Note {  // a small record that found the ring full
    RequestId id;
    std::uint64_t credit;  // 0: cancel
  };

  void serve();
  // False when the ring is empty.
  bool serve_some(unsigned budget);
  void await_bell();
  void note(const Note&);
  bool write_note(const Note&);  // the queue's lock held
  void refuse();                 // asks the worker to tell of room
  void told_room();
  void wake_worker();
  void count();

  const std::uint32_t loop_;
  boost::asio::io_context& context_;
  RequestQueue& queue_;
  RingReader responses_;
  boost::asio::posix::stream_descriptor bell_;
  PortOwner& owner_;
  std::shared_ptr<void> keep_;
  AnswerTable answers_;
  std::vector<Note> notes_;
  std::uint64_t bell_value_ = 0;
  bool draining_ = false;
  bool closed_ = false;
  bool violated_ = false;  // believed no more
  bool refused_ = false;
  std::atomic<std::uint32_t> open_{0};
};

}  // namespace tenon::workers
