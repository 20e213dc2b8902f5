#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/scheduler/inventory.h"

// Who gets room, and where: functions from a snapshot to a plan. No clock, no I/O, no threads.
namespace tenon::scheduler {

// A deployment that wants one more replica.
struct Claim {
  std::uint64_t id = 0;  // of the replica that it becomes
  std::uint64_t deployment = 0;
  std::vector<Flavor> flavors = {};  // that its policies allow, the best first; none: any CPU
  bool allowed_here = true;          // by its location policies
  std::uint64_t host_bytes = 0;      // on the CPU, whatever the flavor
  std::uint64_t device_bytes = 0;    // on each GPU; 0: not known, so that it gets them whole
  unsigned devices = 1;              // GPUs for a replica
  unsigned overtaken = 0;  // how often a later claim got room that this one did not fit into
};

enum class Verdict : std::uint8_t {
  kStart,       // there is room now
  kRoomComing,  // reserved: replicas that end give it the room
  kWait,        // everything that could go has work, is needed or is young
  kBehind,      // what it could use is kept for an earlier claim that was passed over too often
  kNever,       // does not fit into the empty machine, or may not run there
};

// Why a flavor was not chosen.
struct Rejection {
  enum class Why : std::uint8_t {
    kLocation,       // policies do not allow this host
    kNoSuchDevice,   // nothing of this flavor here
    kOutOfUse,       // too few in one node that are not lost or failing: found such
    kTooFewDevices,  // in one node: found, wanted
    kTooSmall,       // the largest: found, wanted bytes
    kNotFree,        // another flavor is: the most that is free, wanted bytes
    kNothingIdle,    // the most that could be free: found, wanted bytes
    kHostMemory,     // devices would fit, the memory of their nodes does not
    kHeld,           // devices are kept for another claim
  };
  Why why = Why::kNothingIdle;
  Flavor flavor = {};
  std::uint64_t found = 0;
  std::uint64_t wanted = 0;
  bool operator==(const Rejection&) const = default;
};

struct Decision {
  Verdict verdict = Verdict::kWait;
  Flavor flavor = {};              // with a site
  std::vector<Use> site;           // the GPUs first, then the CPU of their node
  unsigned threads = 0;            // the most that the node's CPU gives to a replica
  std::vector<std::uint64_t> end;  // idle replicas that make room
  std::vector<Rejection> rejected;
  bool operator==(const Decision&) const = default;
};

// Where one claim goes. First what fits now, in the order of its flavors and there into the
// smallest gap; then what fits once all that ends has ended; then the device whose idle replicas
// are worth least. No more go than needed. The answer depends on what is held, not on the order in
// which that came.
Decision decide(const Inventory&, const Claim&);

// How often smaller claims may pass a larger one before devices are kept free for it.
inline constexpr unsigned kMaxOvertaken = 16;

struct Plan {
  std::vector<Decision> decisions;  // one for each claim
  std::vector<bool> overtaken;      // one for each claim: add one to its count
};

// Decides on claims in the order in which they came and books the decisions in the inventory: what
// starts is busy there, what gets room later is reserved and its victims are ending. A claim that
// was overtaken too often keeps the devices that suit it best free until it fits, and gathers room
// there as it becomes idle.
Plan settle(Inventory&, std::span<const Claim>);

// In words, for people: "gpu/t4: the largest device has 16.0 GB, 40.0 GB are needed".
std::string explain(const Rejection&);
std::string explain(std::span<const Rejection>);
std::string explain(const Decision&, const Inventory&);

}  // namespace tenon::scheduler
