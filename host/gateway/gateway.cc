#include "host/gateway/gateway.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "host/gateway/connection.h"
#include "host/gateway/error_body.h"
#include "host/gateway/loop.h"
#include "host/telemetry/log.h"

namespace tenon::gateway {
namespace {

using boost::asio::ip::tcp;
using Acceptor = boost::asio::basic_socket_acceptor<tcp, Executor>;
using ErrorCode = boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{100};  // when descriptors have run out

}  // namespace

class Gateway::Impl {
 public:
  Impl(EventLoops& loops, lifecycle::Dispatcher& dispatcher, control::Control& control,
       telemetry::Metrics& metrics, const HostSpec& spec)
      : loops_(loops),
        shared_{.dispatcher = dispatcher,
                .control = control,
                .metrics = metrics,
                .limits = spec.limits,
                .cors_origins = spec.cors_origins,
                .open_connections =
                    metrics.gauge("tenon_connections", "Client connections that are open"),
                .on_last_closed = [this] { check_drained(); }},
        refused_(metrics.counter("tenon_refused_connections_total",
                                 "Connections refused because the limit was reached")),
        wanted_(spec.listen),
        drain_timer_(loops.control()) {
    for (unsigned i = 0; i < loops.size(); ++i) {
      lanes_.push_back(std::make_unique<Loop>(shared_, loops.loop(i), i));
    }
  }

  Result<void> listen();
  const std::vector<ListenAddress>& addresses() const { return bound_; }
  void drain(std::move_only_function<void()> done);
  void stop();

 private:
  struct Listener {
    Acceptor acceptor;
    boost::asio::steady_timer pause;
  };

  Result<std::unique_ptr<Listener>> bind(const ListenAddress&);
  void accept(Listener&);
  void adopt(Socket, unsigned loop);
  void refuse(Socket&);
  void stop_accepting();  // [loop 0]
  void check_drained();   // [any]

  EventLoops& loops_;
  Shared shared_;
  std::atomic<std::uint64_t>& refused_;
  std::vector<ListenAddress> wanted_, bound_;
  std::vector<std::unique_ptr<Listener>> listeners_;  // on loop 0
  std::vector<std::unique_ptr<Loop>> lanes_;
  unsigned next_ = 0;

  // On the control loop.
  boost::asio::steady_timer drain_timer_;
  std::move_only_function<void()> done_;
  bool accepting_ = true;
};

Result<std::unique_ptr<Gateway::Impl::Listener>> Gateway::Impl::bind(const ListenAddress& address) {
  const auto refusal = [&](const char* what, const ErrorCode& ec) {
    return fail(Code::kUnavailable,
                fmt::format("cannot {} {}:{}: {}", what, address.host, address.port, ec.message()));
  };
  ErrorCode ec;
  const auto ip = boost::asio::ip::make_address(address.host, ec);
  if (ec) {
    return fail(Code::kInvalid,
                fmt::format("cannot listen on \"{}\": it is no IP address", address.host));
  }
  const tcp::endpoint endpoint(ip, address.port);
  auto& context = loops_.loop(0);
  auto listener =
      std::make_unique<Listener>(Listener{Acceptor(context), boost::asio::steady_timer(context)});
  Acceptor& acceptor = listener->acceptor;
  if (acceptor.open(endpoint.protocol(), ec)) return refusal("open a socket for", ec);
  acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (acceptor.bind(endpoint, ec)) return refusal("listen on", ec);
  if (acceptor.listen(4096, ec)) return refusal("listen on", ec);
  acceptor.native_non_blocking(true, ec);
  return listener;
}

Result<void> Gateway::Impl::listen() {
  std::vector<std::unique_ptr<Listener>> listeners;
  for (const ListenAddress& address : wanted_) {
    auto listener = bind(address);
    if (!listener) return std::unexpected(std::move(listener.error()));
    bound_.push_back({address.host, (*listener)->acceptor.local_endpoint().port()});
    listeners.push_back(std::move(*listener));
  }
  listeners_ = std::move(listeners);
  boost::asio::post(loops_.loop(0), [this] {
    for (auto& listener : listeners_) accept(*listener);
  });
  return {};
}

void Gateway::Impl::accept(Listener& listener) {
  const unsigned loop = next_++ % loops_.size();
  listener.acceptor.async_accept(
      loops_.loop(loop).get_executor(),
      [this, &listener, loop](const ErrorCode& ec, Socket socket) {
        if (ec == boost::asio::error::operation_aborted || !listener.acceptor.is_open()) return;
        if (!ec) {
          adopt(std::move(socket), loop);
          return accept(listener);
        }
        log::warn("cannot accept a connection", {{"why", ec.message()}});
        listener.pause.expires_after(kAcceptPause);
        listener.pause.async_wait([this, &listener](const ErrorCode& cancelled) {
          if (!cancelled) accept(listener);
        });
      });
}

void Gateway::Impl::adopt(Socket socket, unsigned loop) {
  if (shared_.open_connections.load() >= static_cast<std::int64_t>(shared_.limits.connections)) {
    return refuse(socket);
  }
  shared_.open_connections.fetch_add(1);
  Loop* lane = lanes_[loop].get();
  boost::asio::post(loops_.loop(loop), [lane, socket = std::move(socket)]() mutable {
    lane->adopt(std::move(socket));
  });
}

void Gateway::Impl::refuse(Socket& socket) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  std::string id;
  lanes_[0]->ids().next(id);
  const std::string body = error_body(
      error_answer(api::kConnectionLimit,
                   "as many connections are open as the host's limit `connections` allows"),
      id, std::chrono::system_clock::now());
  const std::string text = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n"
      "retry-after: 1\r\nx-request-id: {}\r\nconnection: close\r\n\r\n{}",
      body.size(), id, body);
  // A new socket's buffer takes it whole; if not, the client sees the end all the same.
  (void)::send(socket.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Gateway::Impl::stop_accepting() {
  for (auto& listener : listeners_) {
    ErrorCode ignored;
    listener->acceptor.close(ignored);
    listener->pause.cancel();
  }
}

void Gateway::Impl::drain(std::move_only_function<void()> done) {
  boost::asio::post(loops_.control(), [this, done = std::move(done)]() mutable {
    if (shared_.draining.exchange(true)) return;
    done_ = std::move(done);
    drain_timer_.expires_after(shared_.limits.drain);
    drain_timer_.async_wait([this](const ErrorCode& cancelled) {
      if (!cancelled) stop();
    });
    boost::asio::post(loops_.loop(0), [this] {
      stop_accepting();
      for (unsigned i = 0; i < lanes_.size(); ++i) {
        boost::asio::post(loops_.loop(i), [lane = lanes_[i].get()] { lane->drain(); });
      }
      boost::asio::post(loops_.control(), [this] {
        accepting_ = false;
        check_drained();
      });
    });
  });
}

void Gateway::Impl::stop() {
  boost::asio::post(loops_.loop(0), [this] { stop_accepting(); });
  for (unsigned i = 0; i < lanes_.size(); ++i) {
    boost::asio::post(loops_.loop(i), [lane = lanes_[i].get()] { lane->close_all(); });
  }
}

void Gateway::Impl::check_drained() {
  boost::asio::post(loops_.control(), [this] {
    if (accepting_ || shared_.open_connections.load() != 0 || !done_) return;
    drain_timer_.cancel();
    std::exchange(done_, nullptr)();
  });
}

Gateway::Gateway(EventLoops& loops, lifecycle::Dispatcher& dispatcher, control::Control& control,
                 telemetry::Metrics& metrics, const HostSpec& spec)
    : impl_(std::make_unique<Impl>(loops, dispatcher, control, metrics, spec)) {}

Gateway::~Gateway() = default;

Result<void> Gateway::listen() {
  return impl_->listen();
}
const std::vector<ListenAddress>& Gateway::addresses() const {
  return impl_->addresses();
}
void Gateway::drain(std::move_only_function<void()> done) {
  impl_->drain(std::move(done));
}
void Gateway::stop() {
  impl_->stop();
}

}  // namespace tenon::gateway
