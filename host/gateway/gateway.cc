#include "host/gateway/gateway.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "host/gateway/connection.h"
#include "host/gateway/error_body.h"
#include "host/gateway/listen.h"
#include "host/gateway/loop.h"
#include "host/telemetry/log.h"

namespace tenon::gateway {
namespace {

using ErrorCode = boost::system::error_code;

constexpr std::chrono::seconds kCertificateLook{10};
constexpr std::chrono::milliseconds kAcceptPause{100};  // when descriptors have run out

}  // namespace

class Gateway::Impl {
 public:
  Impl(EventLoops& loops, lifecycle::Dispatcher& dispatcher, control::Control& control,
       const access::Access& access, telemetry::Metrics& metrics, const HostSpec& spec)
      : loops_(loops),
        shared_{.dispatcher = dispatcher,
                .control = control,
                .access = access,
                .metrics = metrics,
                .limits = spec.limits,
                .cors_origins = spec.cors_origins,
                .open_connections =
                    metrics.gauge("tenon_connections", "Client connections that are open"),
                .on_last_closed = [this] { check_drained(); }},
        refused_(metrics.counter("tenon_refused_connections_total",
                                 "Connections refused because the limit was reached")),
        listen_(spec.listen),
        control_listen_(spec.control_listen),
        tls_files_(spec.tls),
        drain_timer_(loops.control()),
        tls_timer_(loops.control()) {
    for (unsigned i = 0; i < loops.size(); ++i) {
      lanes_.push_back(std::make_unique<Loop>(shared_, loops.loop(i), i));
    }
  }

  Result<void> listen();
  const std::vector<ListenAddress>& addresses() const { return bound_; }
  void reload_tls();
  void drain(std::move_only_function<void()> done);
  void stop();

 private:
  struct Listener {
    Acceptor acceptor;
    boost::asio::steady_timer pause;
    Door door;
    bool is_unix = false;
  };

  Result<void> bind(const std::vector<ListenAddress>&, const Door&);
  void accept(Listener&);
  void adopt(Socket, const Listener&, unsigned loop);
  void refuse(Socket&);
  void follow_tls_files();
  void stop_accepting();  // [loop 0]
  void check_drained();   // [any]

  EventLoops& loops_;
  Shared shared_;
  std::atomic<std::uint64_t>& refused_;
  const std::vector<ListenAddress> listen_, control_listen_;
  const std::optional<TlsFiles> tls_files_;
  std::unique_ptr<Tls> tls_;
  std::vector<ListenAddress> bound_;
  const access::Caller owner_{"", "owner", Role::kAdmin, "", access::Caller::Via::kPeer};
  const Door owners_door_{.models = false, .control = true, .peer = &owner_};
  std::vector<std::unique_ptr<Listener>> listeners_;  // on loop 0
  std::vector<std::unique_ptr<Loop>> lanes_;
  unsigned next_ = 0;

  // On the control loop.
  boost::asio::steady_timer drain_timer_, tls_timer_;
  std::move_only_function<void()> done_;
  bool accepting_ = true;
};

Result<void> Gateway::Impl::bind(const std::vector<ListenAddress>& addresses, const Door& door) {
  auto& context = loops_.loop(0);
  for (const ListenAddress& address : addresses) {
    Acceptor acceptor(context);
    auto bound = open_acceptor(acceptor, address);
    if (!bound) return std::unexpected(std::move(bound.error()));
    bound_.push_back(*std::move(bound));
    Door here = door;
    if (address.path.empty()) here.tls = tls_.get();
    listeners_.push_back(std::make_unique<Listener>(Listener{
        std::move(acceptor), boost::asio::steady_timer(context), here, !address.path.empty()}));
  }
  return {};
}

Result<void> Gateway::Impl::listen() {
  if (tls_files_) {
    auto loaded = Tls::load(*tls_files_);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
    tls_ = *std::move(loaded);
    follow_tls_files();
  }
  const bool apart = !control_listen_.empty();
  auto bound = bind(listen_, {.models = true, .control = !apart});
  if (bound && apart) bound = bind(control_listen_, {.models = false, .control = true});
  if (!bound) {
    listeners_.clear();
    return bound;
  }
  boost::asio::post(loops_.loop(0), [this] {
    for (auto& listener : listeners_) accept(*listener);
  });
  return {};
}

void Gateway::Impl::reload_tls() {
  if (!tls_) return;
  if (const auto loaded = tls_->reload(); !loaded) {
    return log::error("certificate not changed", {{"why", loaded.error().message}});
  }
  log::info("certificate loaded", {{"file", tls_files_->certificate}});
}

void Gateway::Impl::follow_tls_files() {
  tls_timer_.expires_after(kCertificateLook);
  tls_timer_.async_wait([this](const ErrorCode& cancelled) {
    if (cancelled || shared_.draining) return;
    if (tls_->changed_on_disk()) reload_tls();
    follow_tls_files();
  });
}

void Gateway::Impl::accept(Listener& listener) {
  const unsigned loop = next_++ % loops_.size();
  listener.acceptor.async_accept(
      loops_.loop(loop).get_executor(),
      [this, &listener, loop](const ErrorCode& ec, Socket socket) {
        if (ec == boost::asio::error::operation_aborted || !listener.acceptor.is_open()) return;
        if (!ec) {
          adopt(std::move(socket), listener, loop);
          return accept(listener);
        }
        log::warn("cannot accept a connection", {{"why", ec.message()}});
        listener.pause.expires_after(kAcceptPause);
        listener.pause.async_wait([this, &listener](const ErrorCode& cancelled) {
          if (!cancelled) accept(listener);
        });
      });
}

void Gateway::Impl::adopt(Socket socket, const Listener& listener, unsigned loop) {
  if (shared_.open_connections.load() >= static_cast<std::int64_t>(shared_.limits.connections)) {
    return listener.door.tls ? void() : refuse(socket);
  }
  Loop* lane = lanes_[loop].get();
  // The host's own user and root need no key at a Unix socket, and nobody else gets in without one.
  const bool is_owner = listener.is_unix && is_own_user(socket.native_handle());
  if (listener.is_unix && !is_owner && shared_.access.open()) return;
  shared_.open_connections.fetch_add(1);
  const Door* door = is_owner ? &owners_door_ : &listener.door;
  boost::asio::post(loops_.loop(loop), [lane, door, socket = std::move(socket)]() mutable {
    lane->adopt(std::move(socket), *door);
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
    tls_timer_.cancel();
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
                 const access::Access& access, telemetry::Metrics& metrics, const HostSpec& spec)
    : impl_(std::make_unique<Impl>(loops, dispatcher, control, access, metrics, spec)) {}

Gateway::~Gateway() = default;

Result<void> Gateway::listen() {
  return impl_->listen();
}
const std::vector<ListenAddress>& Gateway::addresses() const {
  return impl_->addresses();
}
void Gateway::reload_tls() {
  impl_->reload_tls();
}
void Gateway::drain(std::move_only_function<void()> done) {
  impl_->drain(std::move(done));
}
void Gateway::stop() {
  impl_->stop();
}

}  // namespace tenon::gateway
