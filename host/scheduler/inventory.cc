#include "host/scheduler/inventory.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tenon::scheduler {
namespace {

using State = HeldReplica::State;

constexpr double kHalfLifeSeconds = std::chrono::duration<double>(kHalfLife).count();
constexpr double kLeastRate = 1 / kHalfLifeSeconds;  // so that what nobody asked for has a worth

double seconds(TimePoint::duration d) {
  return std::chrono::duration<double>(d).count();
}

template <class Key>
void move(Inventory::Ordered<Key>& set, std::optional<Key> from, std::optional<Key> to,
          DeviceIndex d) {
  if (from == to) return;
  if (!from) return void(set.insert({*to, d}));
  auto place = set.extract({*from, d});
  if (!to) return;
  place.value().first = *to;
  set.insert(std::move(place));
}

}  // namespace

double worth_per_byte(const HeldReplica& r) {
  std::uint64_t bytes = 0;
  for (const Use& use : r.uses) bytes += use.bytes;
  const double reload = static_cast<double>(std::max<std::int64_t>(1, r.reload.count()));
  return std::log2((r.rate + kLeastRate) * reload / std::max(1.0, static_cast<double>(bytes))) +
         seconds(r.idle_since.time_since_epoch()) / kHalfLifeSeconds;
}

void RecentRate::add(double requests, TimePoint now) {
  rate_ = at(now) + requests * std::numbers::ln2 / kHalfLifeSeconds;
  when_ = now;
}

double RecentRate::at(TimePoint t) const {
  return rate_ == 0 ? 0 : rate_ * std::exp2(-seconds(t - when_) / kHalfLifeSeconds);
}

Inventory::Inventory(std::vector<Device> devices, InventoryOptions options) : options_(options) {
  for (DeviceIndex d = 0; d < devices.size(); ++d) {
    const Device& device = devices[d];
    if (device.flavor.type == FlavorType::kCpu) memory_.emplace(device.node, d);
    Pool& pool = pools_[device.flavor];
    if (!device.usable) {
      ++pool.unusable;
      shelves_.push_back({.device = std::move(devices[d]), .held_by = kNobody});
      continue;
    }
    std::vector<DeviceIndex>& node = pool.nodes[device.node];
    node.push_back(d);
    pool.most_in_a_node = std::max(pool.most_in_a_node, static_cast<unsigned>(node.size()));
    shelves_.push_back({.device = std::move(devices[d])});
    const std::uint64_t capacity = shelves_.back().capacity();
    pool.smallest = pool.largest == 0 ? capacity : std::min(pool.smallest, capacity);
    pool.largest = std::max(pool.largest, capacity);
    refresh(d);
  }
}

bool Inventory::Shelf::fits(const Room& taken, std::uint64_t bytes) const {
  return (device.replicas == 0 || taken.replicas < device.replicas) && bytes <= capacity() &&
         taken.bytes <= capacity() - bytes;
}

// Only what is new moves, once for all that a step changed.
void Inventory::refresh_touched() {
  for (const DeviceIndex d : touched_) refresh(d);
  touched_.clear();
}

void Inventory::refresh(DeviceIndex d) {
  Shelf& s = shelves_[d];
  const auto left = [&](std::uint64_t taken) {
    return taken < s.capacity() ? s.capacity() - taken : 0;
  };
  const Room both{std::max(s.now.bytes, s.later.bytes), std::max(s.now.replicas, s.later.replicas)};
  s.free_now = s.fits(both, 0) ? std::optional(left(both.bytes)) : std::nullopt;
  s.free_later = s.fits(s.later, 0) ? std::optional(left(s.later.bytes)) : std::nullopt;
  const Room emptied{s.later.bytes - s.idle,
                     s.later.replicas - static_cast<unsigned>(s.evictable.size())};
  s.reachable = s.fits(emptied, 0) ? std::optional(left(emptied.bytes)) : std::nullopt;
  Shelf::Places places;
  if (s.held_by == 0) {
    places = {s.free_now, s.free_later, s.reachable, {}};
    if (!s.evictable.empty()) places.cheapest = s.evictable.begin()->first;
  }
  Pool& pool = pools_.at(s.device.flavor);
  move(pool.free_now, s.places.free_now, places.free_now, d);
  move(pool.free_later, s.places.free_later, places.free_later, d);
  move(pool.reachable, s.places.reachable, places.reachable, d);
  move(pool.cheapest, s.places.cheapest, places.cheapest, d);
  s.places = places;
}

// Counts a replica's room in or out.
void Inventory::count(const Record& r, bool in) {
  const auto book = [in](Room& room, std::uint64_t bytes) {
    room.bytes += in ? bytes : 0 - bytes;
    room.replicas += in ? 1U : 0U - 1U;
  };
  for (const Use& use : r.replica.uses) {
    Shelf& s = shelves_[use.device];
    if (r.replica.state != State::kReserved) book(s.now, use.bytes);
    if (r.replica.state != State::kEnding) book(s.later, use.bytes);
    touched_.push_back(use.device);
  }
  Family& family = families_[r.replica.deployment];
  if (r.replica.state == State::kBusy || r.replica.state == State::kIdle) {
    family.standing += in ? 1U : 0U - 1U;
  }
  if (r.replica.state != State::kIdle) return;
  in ? void(family.idle.insert(r.replica.id)) : void(family.idle.erase(r.replica.id));
}

// Shows a replica as one that may make room, or no longer.
void Inventory::show(Record& r, bool evictable) {
  if (r.evictable == evictable) return;
  r.evictable = evictable;
  for (const Use& use : r.replica.uses) {
    Shelf& s = shelves_[use.device];
    if (evictable) {
      s.evictable.insert({r.worth, r.replica.id});
      s.idle += use.bytes;
    } else {
      s.evictable.erase({r.worth, r.replica.id});
      s.idle -= use.bytes;
    }
    touched_.push_back(use.device);
  }
}

void Inventory::settle_family(std::uint64_t deployment) {
  const auto found = families_.find(deployment);
  const Family& family = found->second;
  for (const std::uint64_t id : family.idle) {
    Record& r = replicas_.at(id);
    show(r, !r.young && family.standing > family.minimum);
  }
  if (family.standing == 0 && family.minimum == 0) families_.erase(found);
}

void Inventory::set_minimum(std::uint64_t deployment, unsigned replicas) {
  families_[deployment].minimum = replicas;
  settle_family(deployment);
  refresh_touched();
}

void Inventory::add(HeldReplica replica) {
  const std::uint64_t id = replica.id;
  const std::uint64_t deployment = replica.deployment;
  const TimePoint of_age = replica.placed + options_.min_churn_age;
  Record& r = replicas_.insert_or_assign(id, Record{std::move(replica)}).first->second;
  r.worth = worth_per_byte(r.replica);
  r.young = options_.min_churn_age.count() > 0 && of_age > now_;
  if (r.young) young_.insert({of_age, id});
  count(r, true);
  settle_family(deployment);
  refresh_touched();
}

void Inventory::remove(std::uint64_t id) {
  const auto found = replicas_.find(id);
  if (found == replicas_.end()) return;
  Record& r = found->second;
  const std::uint64_t deployment = r.replica.deployment;
  show(r, false);
  count(r, false);
  if (r.young) young_.erase({r.replica.placed + options_.min_churn_age, id});
  replicas_.erase(found);
  settle_family(deployment);
  refresh_touched();
}

void Inventory::change(std::uint64_t id, State state, TimePoint since, double rate) {
  Record& r = replicas_.at(id);
  show(r, false);
  count(r, false);
  r.replica.state = state;
  if (state == State::kIdle) {
    r.replica.idle_since = since;
    r.replica.rate = rate;
    r.worth = worth_per_byte(r.replica);
  }
  count(r, true);
  settle_family(r.replica.deployment);
  refresh_touched();
}

void Inventory::set_busy(std::uint64_t replica) {
  change(replica, State::kBusy, {}, 0);
}

void Inventory::set_idle(std::uint64_t replica, TimePoint since, double rate) {
  change(replica, State::kIdle, since, rate);
}

void Inventory::set_ending(std::uint64_t replica) {
  change(replica, State::kEnding, {}, 0);
}

void Inventory::measured(std::uint64_t replica, std::vector<Use> uses,
                         std::chrono::milliseconds reload) {
  Record& r = replicas_.at(replica);
  show(r, false);
  count(r, false);
  r.replica.uses = std::move(uses);
  r.replica.reload = reload;
  r.worth = worth_per_byte(r.replica);
  count(r, true);
  settle_family(r.replica.deployment);
  refresh_touched();
}

void Inventory::advance(TimePoint now) {
  now_ = std::max(now_, now);
  while (!young_.empty() && young_.begin()->first <= now_) {
    Record& r = replicas_.at(young_.begin()->second);
    r.young = false;
    young_.erase(young_.begin());
    settle_family(r.replica.deployment);
  }
  refresh_touched();
}

std::optional<TimePoint> Inventory::next_of_age() const {
  return young_.empty() ? std::nullopt : std::optional(young_.begin()->first);
}

void Inventory::hold(std::uint64_t claim, const std::vector<Use>& site) {
  for (const Use& use : site) {
    Shelf& s = shelves_[use.device];
    if (s.held_by == 0) ++pools_.at(s.device.flavor).held;
    s.held_by = claim;
    refresh(use.device);
  }
  holds_.insert_or_assign(claim, site);
}

void Inventory::release(std::uint64_t claim) {
  const auto found = holds_.find(claim);
  if (found == holds_.end()) return;
  for (const Use& use : found->second) {
    Shelf& s = shelves_[use.device];
    s.held_by = 0;
    --pools_.at(s.device.flavor).held;
    refresh(use.device);
  }
  holds_.erase(found);
}

const std::vector<Use>* Inventory::held_for(std::uint64_t claim) const {
  const auto found = holds_.find(claim);
  return found == holds_.end() ? nullptr : &found->second;
}

std::optional<DeviceIndex> Inventory::memory_of(unsigned node) const {
  const auto found = memory_.find(node);
  return found == memory_.end() ? std::nullopt : std::optional(found->second);
}

// A link counts more than a shared NUMA node, which counts more than a shared node.
unsigned Inventory::affinity(DeviceIndex a, DeviceIndex b) const {
  const Device& one = shelves_[a].device;
  const Device& other = shelves_[b].device;
  const auto link = std::ranges::find(one.links, b, &Link::peer);
  if (link != one.links.end()) return 2 + link->strength;
  return one.node != other.node ? 0 : one.numa == other.numa ? 2 : 1;
}

const HeldReplica* Inventory::find(std::uint64_t replica) const {
  const auto found = replicas_.find(replica);
  return found == replicas_.end() ? nullptr : &found->second.replica;
}

unsigned Inventory::spare(std::uint64_t deployment) const {
  const auto found = families_.find(deployment);
  if (found == families_.end()) return 0;
  const Family& family = found->second;
  return family.standing > family.minimum ? family.standing - family.minimum : 0;
}

}  // namespace tenon::scheduler
