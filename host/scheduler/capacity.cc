#include "host/scheduler/capacity.h"

#include <algorithm>
#include <unordered_map>

namespace tenon::scheduler {
namespace {

struct Room {
  std::uint64_t replicas = 0;
  std::uint64_t bytes = 0;

  void add(std::uint64_t more) { ++replicas, bytes += more; }
  void remove(std::uint64_t less) { --replicas, bytes -= less; }
};

class Planner {
 public:
  Planner(const CapacityLimits& limits, std::span<const HeldReplica> held) : limits_(limits) {
    for (const HeldReplica& r : held) {
      now_.add(r.bytes);
      if (r.state == HeldReplica::State::kEnding) continue;
      later_.add(r.bytes);
      ++standing_[r.deployment];
      if (r.state == HeldReplica::State::kIdle) idle_.push_back(&r);
    }
    std::ranges::sort(idle_, {},
                      [](const HeldReplica* r) { return std::pair(r->idle_since, r->id); });
  }

  Verdict decide(const Claim& claim, CapacityPlan& plan) {
    if (!fits({}, claim.bytes)) return Verdict::kTooLarge;
    if (barrier_) return Verdict::kBehind;
    if (fits(now_, claim.bytes) && fits(later_, claim.bytes)) {
      now_.add(claim.bytes);
      later_.add(claim.bytes);
      return Verdict::kStart;
    }
    const bool patient = claim.overtaken < kMaxOvertaken;
    barrier_ = !patient;
    if (!make_room(claim, patient, plan)) return Verdict::kNothingIdle;
    later_.add(claim.bytes);
    return Verdict::kRoomComing;
  }

 private:
  bool fits(const Room& used, std::uint64_t bytes) const {
    return used.replicas + 1 <= limits_.replicas &&
           (limits_.bytes == 0 || (bytes <= limits_.bytes && used.bytes <= limits_.bytes - bytes));
  }

  // Chooses victims, the longest idle first, then spares those that turned out not to be needed,
  // the most recently used first. When they do not suffice they go only for an impatient claim.
  bool make_room(const Claim& claim, bool patient, CapacityPlan& plan) {
    Room room = later_;
    std::unordered_map<std::uint64_t, unsigned> standing = standing_;
    std::vector<const HeldReplica*> victims;
    for (const HeldReplica* r : idle_) {
      if (fits(room, claim.bytes)) break;
      unsigned& left = standing[r->deployment];
      if (left <= r->min_replicas) continue;
      --left;
      room.remove(r->bytes);
      victims.push_back(r);
    }
    const bool enough = fits(room, claim.bytes);
    if (!enough && patient) return false;
    for (std::size_t i = victims.size(); enough && i-- > 0;) {
      Room without = room;
      without.add(victims[i]->bytes);
      if (!fits(without, claim.bytes)) continue;
      room = without;
      victims.erase(victims.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (const HeldReplica* r : victims) {
      plan.end.push_back(r->id);
      --standing_[r->deployment];
      std::erase(idle_, r);
    }
    later_ = room;
    return enough;
  }

  CapacityLimits limits_;
  Room now_;    // taken at this moment
  Room later_;  // taken once everything that ends has ended, reservations included
  std::unordered_map<std::uint64_t, unsigned> standing_;  // replicas that do not end
  std::vector<const HeldReplica*> idle_;
  bool barrier_ = false;
};

}  // namespace

CapacityPlan plan_capacity(const CapacityLimits& limits, std::span<const HeldReplica> held,
                           std::span<const Claim> claims) {
  CapacityPlan plan;
  plan.overtaken.resize(claims.size());
  Planner planner(limits, held);
  for (const Claim& claim : claims) {
    plan.verdicts.push_back(planner.decide(claim, plan));
    if (plan.verdicts.back() != Verdict::kStart && plan.verdicts.back() != Verdict::kRoomComing) {
      continue;
    }
    for (std::size_t earlier = 0; earlier + 1 < plan.verdicts.size(); ++earlier) {
      if (plan.verdicts[earlier] == Verdict::kNothingIdle) plan.overtaken[earlier] = true;
    }
  }
  return plan;
}

}  // namespace tenon::scheduler
