#pragma once

#include <atomic>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "host/access/access.h"
#include "host/control/control.h"
#include "host/domain/host_spec.h"
#include "host/gateway/door.h"
#include "host/gateway/request_id.h"
#include "host/lifecycle/dispatcher.h"
#include "host/telemetry/metrics.h"

namespace tenon::gateway {

class Connection;

inline std::uint64_t nanoseconds(milliseconds time) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
}

using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;

// What all loops share; constant but for the counts.
struct Shared {
  lifecycle::Dispatcher& dispatcher;
  control::Control& control;
  const access::Access& access;
  telemetry::Metrics& metrics;
  HostLimits limits;
  std::vector<std::string> cors_origins;

  std::atomic<std::int64_t>& open_connections;
  std::atomic<bool> draining{false};
  std::function<void()> on_last_closed;  // while draining, when the last connection ends [any]
};

// The connections of one event loop and what they share. Everything but the constructor: on its
// loop.
class Loop {
 public:
  Loop(Shared&, boost::asio::io_context&, unsigned index);
  ~Loop();

  void adopt(Socket, const Door&);
  // Closes connections that have no request.
  void drain();
  void close_all();

  // For connections:
  Shared& shared() { return shared_; }
  unsigned index() const { return index_; }
  RequestIds& ids() { return ids_; }
  // A buffer for heads on their way out; whoever uses it empties it first and keeps nothing in it.
  std::string& scratch() { return scratch_; }
  std::string_view date();
  telemetry::DeploymentMetrics& metrics_of(const std::shared_ptr<lifecycle::Target>&);
  void remove(Connection&);

  static std::uint64_t now();  // CLOCK_MONOTONIC nanoseconds

 private:
  struct KnownMetrics {
    std::weak_ptr<lifecycle::Target> target;
    std::shared_ptr<telemetry::DeploymentMetrics> metrics;
  };

  void arm();
  void sweep();

  Shared& shared_;
  unsigned index_;
  RequestIds ids_;
  std::string scratch_;
  char date_[32] = {};
  std::int64_t date_second_ = 0;
  Connection* first_ = nullptr;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                    boost::asio::wait_traits<std::chrono::steady_clock>, Executor>
      timer_;
  bool armed_ = false;
  std::unordered_map<const lifecycle::Target*, KnownMetrics> known_metrics_;
};

}  // namespace tenon::gateway
