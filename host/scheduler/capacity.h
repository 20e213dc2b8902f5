#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

// Who gets the host's room: a function from a snapshot to a plan. No clock, no I/O, no threads.
namespace tenon::scheduler {

using TimePoint = std::chrono::steady_clock::time_point;

struct CapacityLimits {
  unsigned replicas = 0;
  std::uint64_t bytes = 0;  // 0: not limited
};

// A replica that takes room from the moment it is placed until its process is gone.
struct HeldReplica {
  enum class State : std::uint8_t {
    kBusy,    // starting, or with work in flight or waiting for it: never made to go
    kIdle,    // may make room
    kEnding,  // its room comes back without a decision
  };
  std::uint64_t id = 0;
  std::uint64_t deployment = 0;
  std::uint64_t bytes = 0;
  State state = State::kBusy;
  TimePoint idle_since{};
  unsigned min_replicas = 0;  // of its deployment: as many are never made to go
};

// A deployment that wants one more replica.
struct Claim {
  std::uint64_t deployment = 0;
  std::uint64_t bytes = 0;
  unsigned overtaken = 0;  // how often a later claim got room that this one did not fit into
};

enum class Verdict : std::uint8_t {
  kStart,        // there is room now; it is taken
  kRoomComing,   // reserved: replicas that end give it the room
  kNothingIdle,  // everything that could go has work
  kBehind,       // an earlier claim was overtaken often enough: it goes first
  kTooLarge,     // does not fit into an empty host
};

struct CapacityPlan {
  std::vector<Verdict> verdicts;   // one for each claim
  std::vector<std::uint64_t> end;  // idle replicas that make room
  std::vector<bool> overtaken;     // one for each claim: add one to its count
};

// How often smaller claims may pass a larger one before nothing passes it any more.
inline constexpr unsigned kMaxOvertaken = 16;

// Claims stand in the order in which they came. Room is reserved before anything is made to go; as
// few replicas go as make the room, the longest idle first; none goes for a claim that it does not
// help, except for a claim that was overtaken too often, which gathers room as it becomes idle.
CapacityPlan plan_capacity(const CapacityLimits&, std::span<const HeldReplica>,
                           std::span<const Claim>);

}  // namespace tenon::scheduler
