#include "host/gateway/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

#include "host/telemetry/log.h"

namespace tenon::gateway {
namespace {

constexpr std::size_t kRestingBuffer = 2048;    // what an idle connection holds
constexpr std::size_t kBodyBuffer = 64 * 1024;  // read at once of a large body
constexpr std::size_t kPipelined = 2048;        // read ahead while a request is served
constexpr std::uint64_t kLinger = 2'000'000'000;
constexpr std::uint64_t kMostDiscarded = 1 << 20;

}  // namespace

Connection::Connection(Loop& loop, Socket socket, const Door& door)
    : loop_(loop),
      socket_(std::move(socket)),
      door_(door),
      tls_(door.tls ? door.tls->accept(socket_.native_handle()) : nullptr),
      parser_(loop.shared().limits.head, loop.shared().limits.body),
      in_(new char[kRestingBuffer]),
      capacity_(kRestingBuffer) {}

Connection::~Connection() = default;

void Connection::start() {
  boost::system::error_code ignored;  // a Unix socket has no such delay
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  if (tls_) socket_.native_non_blocking(true, ignored);
  read_deadline_ = Loop::now() + nanoseconds(loop_.shared().limits.idle_timeout);
  arm_read();
}

void Connection::drain() {
  if (state_ == State::kHead && !parser_.started()) return close();
  keep_alive_ = false;
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kServing && !answered_) {
    status_ = kClientGone;
    record();
  }
  state_ = State::kClosed;
  abandon();
  if (tls_ && !cut_) tls_->end();
  boost::system::error_code ignored;
  socket_.close(ignored);  // operations under way end with an error
  delete_when_free();
}

// Later, since callers further up the stack go on.
void Connection::delete_when_free() {
  if (reading_ || waiting_to_write_ || deleting_) return;
  deleting_ = true;
  boost::asio::post(socket_.get_executor(), [this] { loop_.remove(*this); });
}

void Connection::process() {
  if (processing_) return;
  processing_ = true;
  bool more = true;
  while (more) {
    if (state_ == State::kHead) {
      more = process_head();
    } else {
      more = state_ == State::kServing && process_body();
    }
  }
  processing_ = false;
  arm_read();
}

// Both return whether there may be more to do at once.
bool Connection::process_head() {
  const bool fresh = !parser_.started();
  const RequestParser::Step step = parser_.feed(in_.get(), position_, end_, *this);
  if (step == RequestParser::Step::kNeedMore) {
    if (fresh && parser_.started()) {
      read_deadline_ = Loop::now() + nanoseconds(loop_.shared().limits.head_timeout);
    }
    return false;
  }
  begin_request(step == RequestParser::Step::kHead);
  return true;
}

bool Connection::process_body() {
  auto step = RequestParser::Step::kDone;
  if (!body_complete_) {
    body_paused_ = false;
    step = parser_.feed(in_.get(), position_, end_, *this);
    body_complete_ = step == RequestParser::Step::kDone;
    body_paused_ = step == RequestParser::Step::kPaused;
    if (body_complete_ || body_paused_) read_deadline_ = 0;
    if (discarded_ > kMostDiscarded) keep_alive_ = false;
    // A chunk's size line, or trailers, longer than all that may be buffered.
    if (step == RequestParser::Step::kBad ||
        (step == RequestParser::Step::kNeedMore && !reading_ && !make_room())) {
      bad_body(step == RequestParser::Step::kBad);
    }
  }
  if (flight_) {
    push_body();
  } else if (!answered_ && dispatch_is_due(step)) {
    dispatch();
  }
  return answered_ && state_ == State::kServing && finish_request();
}

// After an answer: true when a next request may already lie in the buffer.
bool Connection::finish_request() {
  if (!out_.empty()) return false;
  if (cut_ || input_ended_) {
    if (cut_ && framing_ == Framing::kClose) {
      // A plain end would look like the answer's own.
      const ::linger reset{1, 0};
      ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    close();
    return false;
  }
  if (!keep_alive_ || loop_.shared().draining) {
    linger();
    return false;
  }
  if (!body_complete_) return false;
  target_.reset();
  if (body_.capacity() > kRestingBuffer) body_ = {};
  body_.clear();
  parser_.begin();
  state_ = State::kHead;
  read_deadline_ = Loop::now() + nanoseconds(loop_.shared().limits.idle_timeout);
  // A read under way has its place in the buffer already.
  if (!reading_) settle_buffer();
  return position_ != end_;
}

// Moves what nobody took to the buffer's beginning; gives back what is not needed at rest.
void Connection::settle_buffer() {
  const std::size_t left = end_ - position_;
  if (capacity_ > kRestingBuffer && left <= kRestingBuffer / 2) {
    std::unique_ptr<char[]> smaller(new char[kRestingBuffer]);
    std::memcpy(smaller.get(), in_.get() + position_, left);
    in_ = std::move(smaller);
    capacity_ = kRestingBuffer;
  } else if (left != 0 && position_ != 0) {
    std::memmove(in_.get(), in_.get() + position_, left);
  }
  position_ = 0;
  end_ = left;
}

// Room behind end_ for a read; false when as much is buffered as may be.
bool Connection::make_room() {
  std::size_t keep = position_;  // a head must not move while it is being read
  std::size_t most = position_ + loop_.shared().limits.head + 1;
  std::size_t wanted = end_ + 1;
  if (state_ == State::kServing) {
    keep = parser_.head_end();
    most = keep + (body_complete_ ? kPipelined : kBodyBuffer);
    const bool large = !body_complete_ &&
                       (parser_.chunked() || parser_.content_length().value_or(0) > kRestingBuffer);
    if (large) wanted = most;
    if (position_ != keep) {
      std::memmove(in_.get() + keep, in_.get() + position_, end_ - position_);
      end_ -= position_ - keep;
      position_ = keep;
    }
  }
  if (end_ < capacity_ && wanted <= capacity_) return true;
  if (end_ >= most) return false;
  const std::size_t size = std::clamp(std::max(wanted, capacity_ * 2), end_ + 1, most);
  std::unique_ptr<char[]> larger(new char[size]);
  std::memcpy(larger.get(), in_.get(), end_);
  in_ = std::move(larger);
  capacity_ = size;
  return true;
}

void Connection::arm_read() {
  if (reading_ || state_ == State::kClosed || input_ended_ || body_paused_) return;
  if (state_ == State::kLingering) position_ = end_ = 0;
  if (!make_room()) return;
  read_some();
}

void Connection::on_read(const boost::system::error_code& ec, std::size_t size) {
  reading_ = false;
  if (state_ == State::kClosed) return delete_when_free();
  if (ec) return client_gone(ec == boost::asio::error::eof);
  end_ += size;
  if (state_ == State::kHead && !parser_.started()) settle_buffer();
  if (state_ == State::kServing && !body_complete_) {
    read_deadline_ = Loop::now() + nanoseconds(loop_.shared().limits.io_timeout);
  }
  process();
}

void Connection::client_gone(bool in_order) {
  if (in_order && state_ == State::kServing && answered_ && !out_.empty()) {
    input_ended_ = true;  // it may still read what it is owed
    return;
  }
  close();
}

void Connection::linger() {
  state_ = State::kLingering;
  target_.reset();
  body_ = {};
  read_deadline_ = Loop::now() + kLinger;
  if (tls_) tls_->end();
  boost::system::error_code ec;
  socket_.shutdown(Socket::shutdown_send, ec);
  if (ec) close();
}

void Connection::check_time(std::uint64_t now) {
  if (state_ == State::kClosed) return;
  if (write_deadline_ != 0 && now > write_deadline_) return close();
  if (read_deadline_ != 0 && now > read_deadline_) {
    read_deadline_ = 0;
    if (state_ == State::kLingering || (state_ == State::kHead && !parser_.started())) {
      return close();
    }
    if (state_ == State::kHead) begin_request(false);
    if (answered_) return close();
    return give_up(api::kRequestTimeout,
                   "the request did not arrive whole in the time that the host allows");
  }
  if (state_ == State::kServing && flight_ && out_.empty() && now > answer_deadline_) {
    return give_up(api::kTimeout,
                   "the plugin gave no byte of an answer in the time that the "
                   "deployment's answerTimeout allows");
  }
  // Without a read under way nothing else tells that the client has gone.
  if (state_ == State::kServing && !reading_ && !input_ended_) {
    pollfd descriptor{socket_.native_handle(), POLLRDHUP, 0};
    if (::poll(&descriptor, 1, 0) > 0) client_gone(false);
  }
}

}  // namespace tenon::gateway
