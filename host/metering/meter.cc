#include "host/metering/meter.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace tenon::metering {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::system_clock;

// Something held, times nanoseconds. 64 bits would be full after a fifth of a second of 80 GB.
using Product = unsigned __int128;
constexpr Product kMillisecond = 1'000'000;
constexpr Product kByteSecond = 1'000'000'000;

}  // namespace

// What the replicas of one revision of a deployment use on one flavor.
class Account {
 public:
  explicit Account(std::function<Moment()> now) : now_(std::move(now)) {}

  void count_request(const policy::Spent& spent) {
    requests_.fetch_add(1, std::memory_order_relaxed);
    input_tokens_.fetch_add(spent.input, std::memory_order_relaxed);
    output_tokens_.fetch_add(spent.output, std::memory_order_relaxed);
  }

  void change(int replicas, std::uint64_t bytes_gone, std::uint64_t bytes_come) {
    const std::lock_guard lock(mutex_);
    book_time_until(now_());
    replicas_ += static_cast<unsigned>(replicas);
    bytes_ += bytes_come - bytes_gone;
  }

  std::map<Hour, Used> take() {
    const std::lock_guard lock(mutex_);
    const Moment now = now_();
    book_time_until(now);
    std::map<Hour, Used> taken = take_held();
    Used requests;
    requests.requests = requests_.exchange(0, std::memory_order_relaxed);
    requests.input_tokens = input_tokens_.exchange(0, std::memory_order_relaxed);
    requests.output_tokens = output_tokens_.exchange(0, std::memory_order_relaxed);
    if (requests != Used{}) {
      Used& used = taken[std::chrono::floor<std::chrono::hours>(now.wall)];
      used.requests = requests.requests;
      used.input_tokens = requests.input_tokens;
      used.output_tokens = requests.output_tokens;
    }
    return taken;
  }

 private:
  struct Held {
    Product replica_time = 0;  // replicas × nanoseconds
    Product byte_time = 0;     // bytes × nanoseconds
  };

  void book_time_until(const Moment& now) {
    const nanoseconds passed = now.steady - booked_until_;
    if (passed <= nanoseconds(0)) return;
    booked_until_ = now.steady;
    if (replicas_ == 0) return;
    const system_clock::time_point end = now.wall;
    for (auto begin = end - passed; begin < end;) {
      const auto hour = std::chrono::floor<std::chrono::hours>(begin);
      const auto cut = std::min<system_clock::time_point>(end, hour + std::chrono::hours(1));
      const auto length = static_cast<std::uint64_t>(nanoseconds(cut - begin).count());
      Held& held = held_[hour];
      held.replica_time += Product(length) * replicas_;
      held.byte_time += Product(length) * bytes_;
      begin = cut;
    }
  }

  // Whole units; what is left of them is told later.
  std::map<Hour, Used> take_held() {
    std::map<Hour, Used> taken;
    for (const auto& [hour, held] : std::exchange(held_, {})) {
      rest_.replica_time += held.replica_time;
      rest_.byte_time += held.byte_time;
      Used used;
      used.replica_time =
          milliseconds(static_cast<std::int64_t>(rest_.replica_time / kMillisecond));
      used.device_byte_seconds = static_cast<std::uint64_t>(rest_.byte_time / kByteSecond);
      rest_.replica_time %= kMillisecond;
      rest_.byte_time %= kByteSecond;
      if (used != Used{}) taken.emplace(hour, used);
    }
    return taken;
  }

  const std::function<Moment()> now_;

  // Of requests: on a line of their own.
  alignas(64) std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> input_tokens_{0};
  std::atomic<std::uint64_t> output_tokens_{0};

  alignas(64) std::mutex mutex_;  // of what follows
  unsigned replicas_ = 0;
  std::uint64_t bytes_ = 0;
  std::chrono::steady_clock::time_point booked_until_{};
  std::map<Hour, Held> held_;
  Held rest_;
};

ReplicaMeter::ReplicaMeter(std::shared_ptr<Account> account, std::uint64_t device_bytes)
    : account_(std::move(account)), device_bytes_(device_bytes) {
  account_->change(+1, 0, device_bytes_);
}

ReplicaMeter::~ReplicaMeter() {
  ended();
}

void ReplicaMeter::request_finished(const policy::Spent& spent) {
  account_->count_request(spent);
}

void ReplicaMeter::resized(std::uint64_t device_bytes) {
  if (!running_) return;
  account_->change(0, std::exchange(device_bytes_, device_bytes), device_bytes);
}

void ReplicaMeter::ended() {
  if (std::exchange(running_, false)) account_->change(-1, device_bytes_, 0);
}

Meter::Meter(std::function<Moment()> now, std::function<void()> stirred)
    : now_(std::move(now)), stirred_(std::move(stirred)) {}

std::unique_ptr<ReplicaMeter> Meter::replica_started(const DeploymentKey& deployment,
                                                     std::uint64_t revision, const Flavor& flavor,
                                                     std::uint64_t device_bytes) {
  bool first = false;
  std::unique_ptr<ReplicaMeter> replica;
  {
    const std::lock_guard lock(mutex_);
    first = accounts_.empty();
    auto& account = accounts_[Key(deployment, revision, flavor)];
    if (!account) account = std::make_shared<Account>(now_);
    replica = std::make_unique<ReplicaMeter>(account, device_bytes);
  }
  if (first && stirred_) stirred_();
  return replica;
}

bool Meter::idle() const {
  const std::lock_guard lock(mutex_);
  return accounts_.empty();
}

std::vector<Usage> Meter::take() {
  std::vector<Usage> usage;
  const std::lock_guard lock(mutex_);
  for (auto it = accounts_.begin(); it != accounts_.end();) {
    const auto& [deployment, revision, flavor] = it->first;
    const bool last = it->second.use_count() == 1;  // no replica is left
    for (const auto& [hour, used] : it->second->take()) {
      usage.push_back({hour, deployment, revision, flavor, used});
    }
    it = last ? accounts_.erase(it) : std::next(it);
  }
  return usage;
}

}  // namespace tenon::metering
