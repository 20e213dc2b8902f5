// The part of a connection that moves bytes: over a plain socket, or through TLS.

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "host/gateway/connection.h"

namespace tenon::gateway {
namespace {

constexpr std::size_t kRecord = 16 * 1024;  // what TLS encrypts at once

}  // namespace

// Into the room behind end_; on_read() follows.
void Connection::read_some() {
  reading_ = true;
  if (tls_) return await_tls(Socket::wait_read);
  socket_.async_read_some(
      boost::asio::buffer(in_.get() + end_, capacity_ - end_),
      [this](const boost::system::error_code& ec, std::size_t size) { on_read(ec, size); });
}

// What is written at once; nothing when the connection is broken.
std::optional<std::size_t> Connection::write_some(std::span<iovec> parts) {
  if (tls_) return write_tls(parts);
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t result = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (result >= 0) return static_cast<std::size_t>(result);
  if (errno == EAGAIN || errno == EINTR) return 0;
  return std::nullopt;
}

void Connection::await_tls(Socket::wait_type what) {
  if (tls_->has_read_ahead()) {
    boost::asio::post(socket_.get_executor(), [this] { on_tls_ready({}); });
  } else {
    socket_.async_wait(what, [this](const boost::system::error_code& ec) { on_tls_ready(ec); });
  }
}

void Connection::on_tls_ready(const boost::system::error_code& ec) {
  if (ec || state_ == State::kClosed) return on_read(ec, 0);
  std::size_t got = 0;
  switch (tls_->read(in_.get() + end_, capacity_ - end_, got)) {
    case TlsSession::Io::kDone:
      return on_read({}, got);
    case TlsSession::Io::kWantRead:
      return await_tls(Socket::wait_read);
    case TlsSession::Io::kWantWrite:
      return await_tls(Socket::wait_write);
    case TlsSession::Io::kEnd:
      return on_read(boost::asio::error::eof, 0);
    case TlsSession::Io::kFailed:
      return on_read(boost::asio::error::connection_reset, 0);
  }
}

// A head and a short body go as one record; long bodies are not copied.
std::optional<std::size_t> Connection::write_tls(std::span<iovec> parts) {
  thread_local std::string joined;
  std::size_t all = 0;
  for (const iovec& part : parts) all += part.iov_len;
  iovec one{};
  if (parts.size() > 1 && all <= kRecord) {
    joined.clear();
    for (const iovec& part : parts) {
      joined.append(static_cast<const char*>(part.iov_base), part.iov_len);
    }
    one = {joined.data(), joined.size()};
    parts = std::span(&one, 1);
  }
  std::size_t done = 0;
  for (const iovec& part : parts) {
    std::string_view rest(static_cast<const char*>(part.iov_base), part.iov_len);
    while (!rest.empty()) {
      std::size_t sent = 0;
      switch (tls_->write(rest, sent)) {
        case TlsSession::Io::kDone:
          break;
        case TlsSession::Io::kWantRead:
        case TlsSession::Io::kWantWrite:
          return done;
        case TlsSession::Io::kEnd:
        case TlsSession::Io::kFailed:
          return std::nullopt;
      }
      done += sent;
      rest.remove_prefix(sent);
    }
  }
  return done;
}

}  // namespace tenon::gateway
