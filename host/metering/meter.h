#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "host/domain/deployment.h"
#include "host/domain/flavor.h"
#include "host/policy/budget.h"

// What deployments used: requests and tokens, and how long replicas held how much memory. A
// deployment without replicas uses nothing.
namespace tenon::metering {

using Hour = std::chrono::sys_time<std::chrono::hours>;

// One moment on both clocks: durations are measured on the steady one, and booked by the other.
struct Moment {
  std::chrono::steady_clock::time_point steady;
  std::chrono::system_clock::time_point wall;
};

struct Used {
  std::uint64_t requests = 0;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::chrono::milliseconds replica_time{};
  std::uint64_t device_byte_seconds = 0;

  bool operator==(const Used&) const = default;
};

// What was used in (a part of) one hour; a store adds it to what it has of that hour.
struct Usage {
  Hour hour;
  DeploymentKey deployment;
  std::uint64_t revision = 0;
  Flavor flavor;
  Used used;

  bool operator==(const Usage&) const = default;
};

class Account;

// One replica's time, from its start until ended() or the end of this object.
class ReplicaMeter {
 public:
  explicit ReplicaMeter(std::shared_ptr<Account>, std::uint64_t device_bytes);
  ~ReplicaMeter();
  ReplicaMeter(const ReplicaMeter&) = delete;
  ReplicaMeter& operator=(const ReplicaMeter&) = delete;

  // [any] Also after ended(): answers may come late. Takes no lock.
  void request_finished(const policy::Spent&);

  // [one thread at a time]
  void resized(std::uint64_t device_bytes);  // measured after the load, trimmed, …
  void ended();

 private:
  const std::shared_ptr<Account> account_;
  std::uint64_t device_bytes_;
  bool running_ = true;
};

class Meter {
 public:
  // `stirred` is called, by whoever starts a replica, when there is something to take() after there
  // was nothing.
  explicit Meter(std::function<Moment()> now, std::function<void()> stirred = {});

  // [any] A replica of this revision came to hold `device_bytes` of memory of this flavor.
  std::unique_ptr<ReplicaMeter> replica_started(const DeploymentKey&, std::uint64_t revision,
                                                const Flavor&, std::uint64_t device_bytes);

  // [any] What was used since the last call: nothing is told twice, nothing is lost. Time is split
  // exactly at the hour; requests and tokens belong to the hour in which this is called, so call it
  // about once per second.
  std::vector<Usage> take();
  // Nothing runs, and all was taken. [any]
  bool idle() const;

 private:
  using Key = std::tuple<DeploymentKey, std::uint64_t, Flavor>;

  const std::function<Moment()> now_;
  const std::function<void()> stirred_;
  mutable std::mutex mutex_;
  std::map<Key, std::shared_ptr<Account>> accounts_;  // of which there is anything to tell
};

}  // namespace tenon::metering
