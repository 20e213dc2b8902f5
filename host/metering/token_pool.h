#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "host/domain/policy.h"
#include "host/domain/resource.h"
#include "host/policy/budget.h"

namespace tenon::metering {

using policy::Spent;
using policy::sys_seconds;

// What a pool has counted in one window: all that a store keeps of it.
struct PoolState {
  ResourceKey owner;   // the environment or deployment that carries the policy
  std::string policy;  // its name
  policy::Window window;
  Spent spent;

  bool operator==(const PoolState&) const = default;
};

// Why a request is not admitted: 429, and Retry-After until the window's end.
struct OverBudget {
  ResourceKey owner;
  std::string policy;
  policy::TokenLimit limit;
  std::uint64_t maximum = 0;  // of that limit
  Spent spent;                // in this window so far
  sys_seconds until;          // the window's end
};
// "policy day-cap of environment default/production allows 1000 total tokens until …; 900 input and
// 150 output tokens are spent".
std::string to_string(const OverBudget&);

// The tokens that one policy allows one owner. An environment's pool is shared by its deployments,
// so nothing here takes a lock: a request costs one load when it is admitted and one exchange when
// it ends, and no token is lost or counted twice, whatever runs at the same time. [any]
class TokenPool {
 public:
  // Counts on from `restored` if that is of the same windows.
  TokenPool(ResourceKey owner, std::string policy, const MaxTokens&,
            const PoolState* restored = nullptr);

  // Empty when admitted. Whoever was admitted may finish, whatever is spent meanwhile.
  std::optional<OverBudget> admit(sys_seconds now) const {
    if (now.time_since_epoch().count() >= spent_until_.load()) return std::nullopt;
    return look_closer(now);
  }
  void spend(const Spent&, sys_seconds now);

  // Whether a policy with these limits counts in the same windows.
  bool counts_like(const MaxTokens&) const;
  // New limits for the tokens counted so far; counts_like() them. [one thread at a time]
  void set_limits(const MaxTokens&);

  PoolState state() const;
  MaxTokens limits() const;

 private:
  // What is counted, changed as one. Sums stay at their largest value once they reach it.
  struct alignas(16) Counted {
    static constexpr std::uint64_t kMost = (1ULL << 48) - 1;

    std::uint64_t input : 48 = 0;
    std::uint64_t window_low : 16 = 0;
    std::uint64_t output : 48 = 0;
    std::uint64_t window_high : 16 = 0;

    std::uint32_t window() const {
      return static_cast<std::uint32_t>(window_high << 16 | window_low);
    }
    Spent spent() const { return {input, output}; }
  };

  static Counted counted(std::uint32_t window, const Spent&);
  static bool still_counts(const Counted&, std::uint32_t window_now);
  std::uint32_t window_now(sys_seconds) const;
  void note_if_spent(const Counted&);
  std::optional<OverBudget> look_closer(sys_seconds now) const;

  const ResourceKey owner_;
  const std::string policy_;
  const MaxTokens shape_;  // granularity and step
  std::atomic<std::uint64_t> input_, output_, total_;

  alignas(64) std::atomic<Counted> counted_;
  // No request is admitted before this time unless a closer look says so: set when a limit is
  // reached, never taken back.
  alignas(64) std::atomic<std::int64_t> spent_until_;
};

}  // namespace tenon::metering
