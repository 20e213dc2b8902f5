#include "host/gateway/loop.h"

#include <time.h>

#include <algorithm>
#include <cstring>

#include "host/gateway/connection.h"

namespace tenon::gateway {
namespace {

constexpr std::size_t kKnownMetrics = 4096;

// How often timeouts are looked at: an eighth of the shortest, so that none is late by more, and
// seldom enough that resting connections hardly wake the host.
std::chrono::nanoseconds sweep_period(const HostLimits& limits) {
  const milliseconds shortest =
      std::min({limits.head_timeout, limits.idle_timeout, limits.io_timeout});
  return std::clamp(shortest / 8, milliseconds(5), milliseconds(4000));
}

}  // namespace

Loop::Loop(Shared& shared, boost::asio::io_context& context, unsigned index)
    : shared_(shared), index_(index), timer_(context) {}

Loop::~Loop() {
  while (first_) {
    Connection* connection = first_;
    first_ = connection->next;
    delete connection;
  }
}

std::uint64_t Loop::now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::string_view Loop::date() {
  timespec time;
  clock_gettime(CLOCK_REALTIME_COARSE, &time);
  if (time.tv_sec != date_second_) {
    date_second_ = time.tv_sec;
    tm parts;
    gmtime_r(&time.tv_sec, &parts);
    strftime(date_, sizeof date_, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  }
  return date_;
}

telemetry::DeploymentMetrics& Loop::metrics_of(const std::shared_ptr<lifecycle::Target>& target) {
  KnownMetrics& known = known_metrics_[target.get()];
  // Another target may have come to lie where a forgotten one lay.
  if (!known.metrics || known.target.owner_before(target) || target.owner_before(known.target)) {
    if (known_metrics_.size() > kKnownMetrics) {
      std::erase_if(known_metrics_, [&](const auto& entry) {
        return entry.first != target.get() && entry.second.target.expired();
      });
    }
    known_metrics_[target.get()] = {target, shared_.metrics.of(target->spec().key)};
    return *known_metrics_[target.get()].metrics;
  }
  return *known.metrics;
}

void Loop::adopt(Socket socket, const Door& door) {
  auto* connection = new Connection(*this, std::move(socket), door);
  connection->next = first_;
  if (first_) first_->previous = connection;
  first_ = connection;
  arm();
  connection->start();
}

void Loop::remove(Connection& connection) {
  (connection.previous ? connection.previous->next : first_) = connection.next;
  if (connection.next) connection.next->previous = connection.previous;
  delete &connection;
  if (shared_.open_connections.fetch_sub(1) == 1 && shared_.draining) shared_.on_last_closed();
}

void Loop::drain() {
  for (Connection *connection = first_, *next; connection; connection = next) {
    next = connection->next;
    connection->drain();
  }
}

void Loop::close_all() {
  for (Connection *connection = first_, *next; connection; connection = next) {
    next = connection->next;
    connection->close();
  }
}

// One timer for all connections of the loop, and none while there are no connections.
void Loop::arm() {
  if (armed_ || !first_) return;
  armed_ = true;
  timer_.expires_after(sweep_period(shared_.limits));
  timer_.async_wait([this](const boost::system::error_code& ec) {
    armed_ = false;
    if (ec) return;
    sweep();
    arm();
  });
}

void Loop::sweep() {
  const std::uint64_t time = now();
  for (Connection *connection = first_, *next; connection; connection = next) {
    next = connection->next;
    connection->check_time(time);
  }
}

}  // namespace tenon::gateway
