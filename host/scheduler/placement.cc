#include "host/scheduler/placement.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

namespace tenon::scheduler {
namespace {

using Shelf = Inventory::Shelf;
using Pool = Inventory::Pool;
using Room = Inventory::Room;
using Why = Rejection::Why;

// How many devices a search for the cheapest victims looks at before it takes the best of them.
constexpr unsigned kLook = 32;
constexpr unsigned kLookNodes = 8;  // the same for several devices at once

struct Victims {
  std::vector<std::uint64_t> ids;
  double cost = 0;
};

class Search {
 public:
  Search(const Inventory& inventory, const Claim& claim) : in_(inventory), claim_(claim) {}

  Decision run() {
    if (!claim_.allowed_here) return reject_here();
    if (const std::vector<Use>* held = in_.held_for(claim_.id)) return keep_to(*held);
    Able able;
    for (const auto& [flavor, pool] : in_.pools()) {
      if (claim_.flavors.empty() && flavor.type == FlavorType::kCpu) consider(flavor, able);
    }
    for (const Flavor& flavor : claim_.flavors) consider(flavor, able);
    if (able.empty()) {
      decision_.verdict = Verdict::kNever;
      return std::move(decision_);
    }
    if (place_first(able, &Pool::free_now, Verdict::kStart) ||
        place_first(able, &Pool::free_later, Verdict::kRoomComing)) {
      return std::move(decision_);
    }
    for (auto at = able.begin(); at != able.end(); ++at) {
      if (!evict(*at->first, *at->second)) continue;
      for (auto better = able.begin(); better != at; ++better) give_reason(*better);
      return std::move(decision_);
    }
    decision_.verdict = Verdict::kWait;
    for (const auto& each : able) {
      if (give_reason(each).why == Why::kHeld) decision_.verdict = Verdict::kBehind;
    }
    return std::move(decision_);
  }

  // The devices that would suit best if everything idle went, though that is not enough; not those
  // that are held already.
  std::vector<Use> best_hope() const {
    std::vector<Use> best;
    std::uint64_t most = 0;
    const auto consider = [&](const Flavor& flavor, const Pool& pool) {
      if (too_little(flavor, pool)) return;
      for (const auto& [node, devices] : pool.nodes) {
        if (auto site = group(flavor, devices, 0, [](const Shelf& s) { return s.reachable; })) {
          std::uint64_t least = ~0ULL;
          for (unsigned i = 0; i < wanted_devices(flavor); ++i) {
            const Shelf& s = in_.shelf((*site)[i].device);
            least = std::min(least, s.capacity() < bytes_on(flavor) ? 0 : s.reachable.value_or(0));
          }
          if (best.empty() || least > most) best = std::move(*site), most = least;
        }
      }
    };
    for (const auto& [flavor, pool] : in_.pools()) {
      const bool named = std::ranges::find(claim_.flavors, flavor) != claim_.flavors.end();
      if (named || (claim_.flavors.empty() && flavor.type == FlavorType::kCpu)) {
        consider(flavor, pool);
      }
    }
    // The memory of the node is for everybody.
    if (!best.empty()) best.resize(wanted_devices(in_.shelf(best[0].device).device.flavor));
    return best;
  }

  // Everything idle on these devices, whether it is enough or not.
  std::vector<std::uint64_t> gather(const std::vector<Use>& site) const {
    std::vector<std::uint64_t> ids;
    for (const Use& use : site) {
      for (const auto& [worth, id] : in_.shelf(use.device).evictable) {
        if (may_go(id, ids)) ids.push_back(id);
      }
    }
    return ids;
  }

 private:
  // Flavors that an empty machine has room for, the best first.
  using Able = std::vector<std::pair<const Flavor*, const Pool*>>;
  using Order = Inventory::Ordered<std::uint64_t> Pool::*;

  static bool is_cpu(const Flavor& flavor) { return flavor.type == FlavorType::kCpu; }
  unsigned wanted_devices(const Flavor& flavor) const {
    return is_cpu(flavor) ? 1 : std::max(1U, claim_.devices);
  }
  std::uint64_t bytes_on(const Flavor& flavor) const {
    if (is_cpu(flavor)) return claim_.host_bytes;
    return claim_.device_bytes != 0 ? claim_.device_bytes : in_.pools().at(flavor).smallest;
  }

  Decision reject_here() {
    decision_.verdict = Verdict::kNever;
    decision_.rejected.push_back({Why::kLocation, {}});
    return std::move(decision_);
  }

  // Why the empty machine would not do.
  std::optional<Rejection> too_little(const Flavor& flavor, const Pool& pool) const {
    const unsigned devices = wanted_devices(flavor);
    if (pool.most_in_a_node < devices && pool.unusable != 0) {
      return Rejection{Why::kOutOfUse, flavor, pool.unusable, devices};
    }
    if (pool.most_in_a_node < devices) {
      return Rejection{Why::kTooFewDevices, flavor, pool.most_in_a_node, devices};
    }
    if (pool.largest < bytes_on(flavor)) {
      return Rejection{Why::kTooSmall, flavor, pool.largest, bytes_on(flavor)};
    }
    for (const auto& [node, there] : pool.nodes) {
      const auto large = std::ranges::count_if(
          there, [&](DeviceIndex d) { return in_.shelf(d).capacity() >= bytes_on(flavor); });
      const auto memory = is_cpu(flavor) ? std::nullopt : in_.memory_of(node);
      const bool host = !memory || in_.shelf(*memory).capacity() >= claim_.host_bytes;
      if (static_cast<unsigned>(large) >= devices && host) return std::nullopt;
    }
    return Rejection{Why::kHostMemory, flavor, 0, claim_.host_bytes};
  }

  void consider(const Flavor& flavor, Able& able) {
    const auto found = in_.pools().find(flavor);
    if (found == in_.pools().end()) {
      decision_.rejected.push_back({Why::kNoSuchDevice, flavor});
    } else if (auto why = too_little(flavor, found->second)) {
      decision_.rejected.push_back(std::move(*why));
    } else {
      able.emplace_back(&found->first, &found->second);
    }
  }

  std::vector<Use> site_of(const Flavor& flavor, std::span<const DeviceIndex> devices) const {
    std::vector<Use> site;
    for (const DeviceIndex d : devices) site.push_back({d, bytes_on(flavor)});
    if (is_cpu(flavor)) return site;
    if (const auto memory = in_.memory_of(in_.shelf(devices[0]).device.node)) {
      site.push_back({*memory, claim_.host_bytes});
    }
    return site;
  }

  bool fits(const std::vector<Use>& site, Verdict when) const {
    return std::ranges::all_of(site, [&](const Use& use) {
      const Shelf& s = in_.shelf(use.device);
      return s.fits(s.later, use.bytes) && (when != Verdict::kStart || s.fits(s.now, use.bytes));
    });
  }

  bool choose(const Flavor& flavor, std::vector<Use> site, Verdict verdict) {
    decision_.verdict = verdict;
    decision_.flavor = flavor;
    const auto memory = in_.memory_of(in_.shelf(site[0].device).device.node);
    decision_.threads = memory ? in_.shelf(*memory).device.threads : 0;
    decision_.site = std::move(site);
    return true;
  }

  bool place_first(const Able& able, Order order, Verdict verdict) {
    for (auto at = able.begin(); at != able.end(); ++at) {
      if (!place(*at->first, *at->second, order, verdict)) continue;
      for (auto better = able.begin(); better != at; ++better) {
        const auto& free = better->second->*order;
        decision_.rejected.push_back({Why::kNotFree, *better->first,
                                      free.empty() ? 0 : free.rbegin()->first,
                                      bytes_on(*better->first)});
      }
      return true;
    }
    return false;
  }

  bool place(const Flavor& flavor, const Pool& pool, Order order, Verdict verdict) {
    const std::uint64_t bytes = bytes_on(flavor);
    if (wanted_devices(flavor) == 1) {
      const auto& free = pool.*order;
      std::optional<unsigned> full;  // a node
      for (auto at = free.lower_bound({bytes, 0}); at != free.end(); ++at) {
        const unsigned node = in_.shelf(at->second).device.node;
        if (full == node) continue;
        std::vector<Use> site = site_of(flavor, std::span(&at->second, 1));
        if (fits(site, verdict)) return choose(flavor, std::move(site), verdict);
        full = node;
      }
      return false;
    }
    const auto key = [order](const Shelf& s) {
      return order == &Pool::free_now ? s.free_now : s.free_later;
    };
    auto best = best_group(flavor, pool, key, verdict);
    return best && choose(flavor, std::move(*best), verdict);
  }

  // The devices of one node that have so much room and hang together best. Grown from each device
  // in turn, always by the one with the most affinity to those chosen: nodes are small.
  template <class Key>
  std::optional<std::vector<Use>> group(const Flavor& flavor, const std::vector<DeviceIndex>& node,
                                        std::uint64_t bytes, Key key,
                                        unsigned* affinity = nullptr) const {
    const unsigned wanted = wanted_devices(flavor);
    std::vector<DeviceIndex> able;
    for (const DeviceIndex d : node) {
      const Shelf& s = in_.shelf(d);
      if (s.held_by != 0 || s.capacity() < bytes_on(flavor)) continue;
      if (const auto room = key(s); room && *room >= bytes) able.push_back(d);
    }
    if (able.size() < wanted) return std::nullopt;
    std::vector<DeviceIndex> best;
    unsigned most = 0;
    for (const DeviceIndex seed : able) {
      std::vector<DeviceIndex> chosen{seed};
      unsigned sum = 0;
      while (chosen.size() < wanted) {
        std::optional<DeviceIndex> next;
        unsigned gain = 0;
        for (const DeviceIndex d : able) {
          if (std::ranges::find(chosen, d) != chosen.end()) continue;
          unsigned with = 0;
          for (const DeviceIndex c : chosen) with += in_.affinity(c, d);
          if (!next || with > gain) next = d, gain = with;
        }
        chosen.push_back(*next);
        sum += gain;
      }
      if (best.empty() || sum > most) best = chosen, most = sum;
      if (wanted == able.size()) break;
    }
    std::ranges::sort(best);
    if (affinity) *affinity = most;
    return site_of(flavor, best);
  }

  // The nodes of a pool that have enough devices with so much room, the tightest first.
  template <class Key>
  std::vector<const std::vector<DeviceIndex>*> tight_nodes(const Flavor& flavor, const Pool& pool,
                                                           Key key) const {
    std::vector<std::tuple<std::ptrdiff_t, unsigned, const std::vector<DeviceIndex>*>> found;
    for (const auto& [node, devices] : pool.nodes) {
      const auto able = std::ranges::count_if(devices, [&](DeviceIndex d) {
        const Shelf& s = in_.shelf(d);
        return s.held_by == 0 && key(s).value_or(0) >= bytes_on(flavor) && key(s);
      });
      if (able >= wanted_devices(flavor)) found.emplace_back(able, node, &devices);
    }
    std::ranges::sort(found);
    std::vector<const std::vector<DeviceIndex>*> nodes;
    for (const auto& [able, node, devices] : found) nodes.push_back(devices);
    return nodes;
  }

  // The best affinity among the tightest nodes.
  template <class Key>
  std::optional<std::vector<Use>> best_group(const Flavor& flavor, const Pool& pool, Key key,
                                             Verdict verdict) const {
    std::optional<std::vector<Use>> best;
    unsigned most = 0;
    unsigned looked = 0;
    for (const auto* node : tight_nodes(flavor, pool, key)) {
      unsigned affinity = 0;
      auto site = group(flavor, *node, bytes_on(flavor), key, &affinity);
      if (!site || !fits(*site, verdict)) continue;
      if (!best || affinity > most) best = std::move(site), most = affinity;
      if (++looked == kLookNodes) break;
    }
    return best;
  }

  bool evict(const Flavor& flavor, const Pool& pool) {
    const std::uint64_t bytes = bytes_on(flavor);
    std::optional<Victims> best;
    std::vector<Use> where;
    const auto weigh = [&](std::vector<Use> site) {
      auto victims = make_room(site);
      if (!victims || (best && victims->cost >= best->cost)) return;
      best = std::move(victims), where = std::move(site);
    };
    if (wanted_devices(flavor) == 1) {
      unsigned looked = 0;
      for (const auto& [worth, d] : pool.cheapest) {
        if (looked++ == kLook) break;
        const auto room = in_.shelf(d).reachable;
        if (room && *room >= bytes) weigh(site_of(flavor, std::span(&d, 1)));
      }
      // None of the cheapest can: the first that can at all.
      for (auto at = pool.reachable.lower_bound({bytes, 0}); !best && at != pool.reachable.end();
           ++at) {
        weigh(site_of(flavor, std::span(&at->second, 1)));
      }
    } else {
      const auto key = [](const Shelf& s) { return s.reachable; };
      unsigned looked = 0;
      for (const auto* node : tight_nodes(flavor, pool, key)) {
        if (best && ++looked == kLookNodes) break;
        if (auto site = group(flavor, *node, bytes, key)) weigh(std::move(*site));
      }
    }
    if (!best) return false;
    decision_.end = std::move(best->ids);
    return choose(flavor, std::move(where), Verdict::kRoomComing);
  }

  // Whether one more of its deployment may go besides those chosen.
  bool may_go(std::uint64_t id, const std::vector<std::uint64_t>& chosen) const {
    const std::uint64_t deployment = in_.find(id)->deployment;
    unsigned going = 0;
    for (const std::uint64_t other : chosen) {
      if (other == id) return false;
      going += in_.find(other)->deployment == deployment;
    }
    return going < in_.spare(deployment);
  }

  // The least worth per byte go first; then those are spared that turned out not to be needed, the
  // dearest first.
  std::optional<Victims> make_room(const std::vector<Use>& site) const {
    std::vector<Room> rooms;
    for (const Use& use : site) rooms.push_back(in_.shelf(use.device).later);
    const auto move = [&](std::uint64_t id, bool out) {
      for (const Use& use : in_.find(id)->uses) {
        for (std::size_t i = 0; i < site.size(); ++i) {
          if (site[i].device != use.device) continue;
          rooms[i].bytes += out ? 0 - use.bytes : use.bytes;
          rooms[i].replicas += out ? 0U - 1U : 1U;
        }
      }
    };
    const auto enough = [&](std::size_t i) {
      return in_.shelf(site[i].device).fits(rooms[i], site[i].bytes);
    };
    std::vector<std::uint64_t> chosen;
    for (std::size_t i = 0; i < site.size(); ++i) {
      for (const auto& [worth, id] : in_.shelf(site[i].device).evictable) {
        if (enough(i)) break;
        if (!may_go(id, chosen)) continue;
        chosen.push_back(id);
        move(id, true);
      }
      if (!enough(i)) return std::nullopt;
    }
    for (std::size_t v = chosen.size(); v-- > 0;) {
      move(chosen[v], false);
      bool needed = false;
      for (std::size_t i = 0; i < site.size(); ++i) needed |= !enough(i);
      if (needed) {
        move(chosen[v], true);
      } else {
        chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(v));
      }
    }
    return Victims{chosen, cost(chosen)};
  }

  double cost(const std::vector<std::uint64_t>& victims) const {
    double sum = 0;
    for (const std::uint64_t id : victims) {
      const HeldReplica& r = *in_.find(id);
      double bytes = 0;
      for (const Use& use : r.uses) bytes += static_cast<double>(use.bytes);
      const double worth = worth_per_byte(r);
      if (!reference_) reference_ = worth;  // worths are logarithms of no common size
      sum += std::max(1.0, bytes) * std::exp2(worth - *reference_);
    }
    return sum;
  }

  const Rejection& give_reason(const std::pair<const Flavor*, const Pool*>& able) {
    const auto& [flavor, pool] = able;
    const std::uint64_t most = pool->reachable.empty() ? 0 : pool->reachable.rbegin()->first;
    const std::uint64_t wanted = bytes_on(*flavor);
    if (pool->held != 0) {
      decision_.rejected.push_back({Why::kHeld, *flavor, pool->held, 0});
    } else if (most >= wanted && !is_cpu(*flavor) && wanted_devices(*flavor) == 1) {
      decision_.rejected.push_back({Why::kHostMemory, *flavor, 0, claim_.host_bytes});
    } else {
      decision_.rejected.push_back({Why::kNothingIdle, *flavor, most, wanted});
    }
    return decision_.rejected.back();
  }

  // Devices are held for this claim: they are where it goes.
  Decision keep_to(const std::vector<Use>& held) {
    const Flavor& flavor = in_.shelf(held[0].device).device.flavor;
    std::vector<DeviceIndex> devices;
    for (const Use& use : held) devices.push_back(use.device);
    std::vector<Use> site = site_of(flavor, devices);
    if (fits(site, Verdict::kStart)) {
      choose(flavor, std::move(site), Verdict::kStart);
    } else if (fits(site, Verdict::kRoomComing)) {
      choose(flavor, std::move(site), Verdict::kRoomComing);
    } else if (auto victims = make_room(site)) {
      decision_.end = std::move(victims->ids);
      choose(flavor, std::move(site), Verdict::kRoomComing);
    } else {
      decision_.verdict = Verdict::kWait;
      decision_.end = gather(site);
      decision_.rejected.push_back({Why::kNothingIdle, flavor,
                                    in_.shelf(held[0].device).reachable.value_or(0),
                                    bytes_on(flavor)});
    }
    return std::move(decision_);
  }

  const Inventory& in_;
  const Claim& claim_;
  Decision decision_;
  mutable std::optional<double> reference_;
};

bool may_use(const Claim& claim, const Flavor& flavor) {
  return claim.flavors.empty() ? flavor.type == FlavorType::kCpu
                               : std::ranges::find(claim.flavors, flavor) != claim.flavors.end();
}

// What was reserved for a claim starts as soon as the room is there.
Decision resume(const Inventory& inventory, const HeldReplica& reserved) {
  Decision d;
  d.site = reserved.uses;
  const Device& first = inventory.shelf(d.site[0].device).device;
  d.flavor = first.flavor;
  if (const auto memory = inventory.memory_of(first.node)) {
    d.threads = inventory.shelf(*memory).device.threads;
  }
  const bool now = std::ranges::all_of(d.site, [&](const Use& use) {
    const Shelf& s = inventory.shelf(use.device);
    return s.fits(s.now, use.bytes);
  });
  d.verdict = now ? Verdict::kStart : Verdict::kRoomComing;
  return d;
}

Decision decide_and_book(Inventory& inventory, const Claim& claim) {
  const HeldReplica* held = inventory.find(claim.id);
  if (held && held->state == HeldReplica::State::kReserved) {
    Decision d = resume(inventory, *held);
    if (d.verdict == Verdict::kStart) inventory.set_busy(claim.id);
    return d;
  }
  Decision d = decide(inventory, claim);
  const bool impatient = claim.overtaken >= kMaxOvertaken && !inventory.held_for(claim.id);
  if (d.verdict == Verdict::kWait && impatient) {
    const Search search(inventory, claim);
    if (const std::vector<Use> hope = search.best_hope(); !hope.empty()) {
      d.end = search.gather(hope);
      inventory.hold(claim.id, hope);
    }
  }
  for (const std::uint64_t id : d.end) inventory.set_ending(id);
  if (d.verdict == Verdict::kStart || d.verdict == Verdict::kRoomComing) {
    inventory.release(claim.id);
    const auto state =
        d.verdict == Verdict::kStart ? HeldReplica::State::kBusy : HeldReplica::State::kReserved;
    inventory.add({.id = claim.id, .deployment = claim.deployment, .uses = d.site, .state = state});
  }
  return d;
}

}  // namespace

Decision decide(const Inventory& inventory, const Claim& claim) {
  return Search(inventory, claim).run();
}

Plan settle(Inventory& inventory, std::span<const Claim> claims) {
  Plan plan;
  plan.overtaken.resize(claims.size());
  std::vector<std::size_t> waiting;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    plan.decisions.push_back(decide_and_book(inventory, claims[i]));
    const Decision& d = plan.decisions.back();
    if (d.verdict == Verdict::kWait) waiting.push_back(i);
    if (d.verdict != Verdict::kStart && d.verdict != Verdict::kRoomComing) continue;
    for (const std::size_t earlier : waiting) {
      if (may_use(claims[earlier], d.flavor)) plan.overtaken[earlier] = true;
    }
  }
  return plan;
}

}  // namespace tenon::scheduler
