#pragma once

#include <atomic>
#include <cstdint>

namespace tenon::access {

// A bucket that holds the requests of one second and is filled evenly. [any thread], no lock.
class Rate {
 public:
  // 0: the request may go on. Else the nanoseconds until one may. `now` is a steady clock's.
  std::uint64_t take(std::uint64_t now, std::uint64_t per_second) {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    const std::uint64_t interval = kSecond / per_second;
    std::uint64_t full_at = full_at_.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint64_t next = (full_at > now ? full_at : now) + interval;
      if (next > now + kSecond) return next - now - kSecond;
      if (full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) return 0;
    }
  }

 private:
  std::atomic<std::uint64_t> full_at_{0};
};

}  // namespace tenon::access
