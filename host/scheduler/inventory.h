#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "host/domain/flavor.h"

// What there is and who holds it: the snapshot that placement decides on. A value, kept up to date
// in steps of O(log n), so that a decision is a look-up in it and never a walk over everything.
namespace tenon::scheduler {

using TimePoint = std::chrono::steady_clock::time_point;
using DeviceIndex = std::uint32_t;

// A direct connection between two devices of a node, such as NVLink; more is faster.
struct Link {
  DeviceIndex peer = 0;
  unsigned strength = 1;
};

// What holds replicas: a GPU, a slice of one, or the CPUs of a node with their memory.
struct Device {
  std::string name = {};  // UUID of a GPU
  Flavor flavor = {};
  std::uint64_t bytes = 0;  // 0: not limited
  unsigned replicas = 0;    // at once; 0: not limited
  unsigned threads = 1;     // the most for one replica
  unsigned node = 0;        // the devices of one replica lie in one node
  unsigned numa = 0;
  std::vector<Link> links = {};
  bool usable = true;  // false: it is lost or failing, nothing is placed on it
};

struct Use {
  DeviceIndex device = 0;
  std::uint64_t bytes = 0;  // predicted before the load, measured after it
  bool operator==(const Use&) const = default;
};

// A replica takes room from the moment it is placed until its process is gone.
struct HeldReplica {
  enum class State : std::uint8_t {
    kReserved,  // waits for room that others give back
    kBusy,      // starting, or with work in flight or waiting for it: never made to go
    kIdle,      // may make room
    kEnding,    // its room comes back without a decision
  };
  std::uint64_t id = 0;
  std::uint64_t deployment = 0;
  std::vector<Use> uses = {};
  State state = State::kBusy;
  TimePoint placed{};
  TimePoint idle_since{};
  double rate = 0;  // requests per second, as they came until idle_since
  std::chrono::milliseconds reload{0};
};

struct InventoryOptions {
  // So long after it was placed an idle replica does not make room: no thrashing.
  std::chrono::milliseconds min_churn_age{0};
};

// A recent use counts half as much after this time.
inline constexpr std::chrono::seconds kHalfLife{600};

// How dear an idle replica is, per byte: rate × reload time ÷ bytes, the rate fading by half in
// each half-life. Its logarithm, moved to a common moment, so that the order of two never changes
// with time.
double worth_per_byte(const HeldReplica&);

// A rate that fades. A value.
class RecentRate {
 public:
  void add(double requests, TimePoint now);
  double at(TimePoint) const;

 private:
  double rate_ = 0;
  TimePoint when_{};
};

class Inventory {
 public:
  explicit Inventory(std::vector<Device>, InventoryOptions = {});

  // As many replicas of a deployment are never made to go.
  void set_minimum(std::uint64_t deployment, unsigned replicas);
  void add(HeldReplica);
  void remove(std::uint64_t replica);  // its process is gone
  void set_busy(std::uint64_t replica);
  void set_idle(std::uint64_t replica, TimePoint since, double rate);
  void set_ending(std::uint64_t replica);
  void measured(std::uint64_t replica, std::vector<Use>, std::chrono::milliseconds reload);
  // What is young at this moment no longer is at a later one.
  void advance(TimePoint now);
  // When the next young replica may make room.
  std::optional<TimePoint> next_of_age() const;
  // Devices that are kept free for a claim which was passed over too often.
  void hold(std::uint64_t claim, const std::vector<Use>&);
  void release(std::uint64_t claim);
  const std::vector<Use>* held_for(std::uint64_t claim) const;

  // What placement asks.
  struct Room {
    std::uint64_t bytes = 0;
    unsigned replicas = 0;
  };
  static constexpr std::uint64_t kNobody = ~std::uint64_t{0};
  struct Shelf {  // a device and what is on it
    Device device;
    Room now = {};           // taken at this moment
    Room later = {};         // taken once all that ends has ended, reservations included
    std::uint64_t idle = 0;  // bytes of those that may make room
    std::set<std::pair<double, std::uint64_t>> evictable = {};  // by worth: replica
    std::uint64_t held_by = 0;  // claim; 0: none, kNobody: it is not usable
    // Bytes free, none when there is no place for one more replica.
    std::optional<std::uint64_t> free_now = {}, free_later = {}, reachable = {};
    // By what it stands among the ordered of its pool.
    struct Places {
      std::optional<std::uint64_t> free_now = {}, free_later = {}, reachable = {};
      std::optional<double> cheapest = {};  // worth of the first evictable
    };
    Places places = {};

    bool fits(const Room& taken, std::uint64_t bytes) const;
    std::uint64_t capacity() const {
      return device.bytes == 0 ? std::numeric_limits<std::uint64_t>::max() / 2 : device.bytes;
    }
  };
  template <class Key>
  using Ordered = std::set<std::pair<Key, DeviceIndex>>;
  struct Pool {  // the devices of a flavor, those that are held for someone not among the ordered
    std::map<unsigned, std::vector<DeviceIndex>> nodes;
    std::uint64_t largest = 0, smallest = 0;
    unsigned held = 0;
    unsigned unusable = 0;
    unsigned most_in_a_node = 0;
    Ordered<std::uint64_t> free_now, free_later, reachable;
    Ordered<double> cheapest;
  };
  const std::map<Flavor, Pool>& pools() const { return pools_; }
  const Shelf& shelf(DeviceIndex d) const { return shelves_[d]; }
  std::size_t devices() const { return shelves_.size(); }
  // The device that holds the host memory of a node.
  std::optional<DeviceIndex> memory_of(unsigned node) const;
  unsigned affinity(DeviceIndex, DeviceIndex) const;
  const HeldReplica* find(std::uint64_t replica) const;
  // How many of a deployment's replicas may go.
  unsigned spare(std::uint64_t deployment) const;

 private:
  struct Record {
    HeldReplica replica;
    double worth = 0;
    bool young = false;
    bool evictable = false;  // stands on the shelves as such
  };
  struct Family {
    unsigned standing = 0;  // replicas that are there and do not end
    unsigned minimum = 0;
    std::set<std::uint64_t> idle;
  };

  void count(const Record&, bool in);
  void settle_family(std::uint64_t deployment);
  void show(Record&, bool evictable);
  void change(std::uint64_t replica, HeldReplica::State, TimePoint since, double rate);
  void refresh(DeviceIndex);
  void refresh_touched();

  InventoryOptions options_;
  TimePoint now_{};
  std::vector<Shelf> shelves_;
  std::map<Flavor, Pool> pools_;
  std::map<unsigned, DeviceIndex> memory_;  // by node
  std::unordered_map<std::uint64_t, Record> replicas_;
  std::unordered_map<std::uint64_t, Family> families_;
  std::set<std::pair<TimePoint, std::uint64_t>> young_;  // of age when: replica
  std::unordered_map<std::uint64_t, std::vector<Use>> holds_;
  std::vector<DeviceIndex> touched_;  // by the step that is being taken
};

}  // namespace tenon::scheduler
