#include "host/scheduler/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <unordered_set>

namespace tenon::scheduler {
namespace {

using State = HeldReplica::State;
using Why = Rejection::Why;

const Flavor kCpu{FlavorType::kCpu, "x86"};
const Flavor kH100{FlavorType::kGpu, "h100"};
const Flavor kT4{FlavorType::kGpu, "t4"};

TimePoint at(int seconds) {
  return TimePoint(std::chrono::seconds(seconds));
}

Inventory cpu(unsigned replicas, std::uint64_t bytes) {
  return Inventory({{.name = "cpu", .flavor = kCpu, .bytes = bytes, .replicas = replicas}});
}

HeldReplica idle(std::uint64_t id, std::uint64_t bytes, int since, DeviceIndex device = 0) {
  return {.id = id,
          .deployment = id,
          .uses = {{device, bytes}},
          .state = State::kIdle,
          .idle_since = at(since)};
}

Claim claim(std::uint64_t id, std::uint64_t bytes, unsigned overtaken = 0) {
  return {.id = id, .deployment = id, .host_bytes = bytes, .overtaken = overtaken};
}

Claim gpu(std::uint64_t id, std::vector<Flavor> flavors, std::uint64_t bytes,
          unsigned devices = 1) {
  return {.id = id,
          .deployment = id,
          .flavors = std::move(flavors),
          .device_bytes = bytes,
          .devices = devices};
}

std::vector<Verdict> verdicts(const Plan& plan) {
  std::vector<Verdict> out;
  for (const Decision& d : plan.decisions) out.push_back(d.verdict);
  return out;
}

TEST(Placement, PlacesWhereThereIsRoom) {
  Inventory inventory = cpu(10, 100);
  const std::vector<Claim> claims{claim(1, 40), claim(2, 60), claim(3, 1)};
  const Plan plan = settle(inventory, claims);
  EXPECT_EQ(verdicts(plan), (std::vector{Verdict::kStart, Verdict::kStart, Verdict::kWait}));
  EXPECT_EQ(inventory.shelf(0).now.bytes, 100U);
}

TEST(Placement, TheLongestIdleOfEqualsGoes) {
  Inventory inventory = cpu(3, 0);
  for (const auto& r : {idle(1, 10, 5), idle(2, 10, 3), idle(3, 10, 4)}) inventory.add(r);
  const Decision d = decide(inventory, claim(9, 10));
  EXPECT_EQ(d.verdict, Verdict::kRoomComing);
  EXPECT_EQ(d.end, std::vector<std::uint64_t>{2});
}

TEST(Placement, TheCheapestToLoseGoes) {
  Inventory inventory = cpu(3, 0);
  HeldReplica slow = idle(1, 10, 3), asked = idle(2, 10, 3), plain = idle(3, 10, 5);
  slow.reload = std::chrono::seconds(20);
  asked.rate = 5;
  plain.reload = asked.reload = std::chrono::seconds(1);
  for (const auto& r : {slow, asked, plain}) inventory.add(r);
  EXPECT_EQ(decide(inventory, claim(9, 10)).end, std::vector<std::uint64_t>{3});
}

TEST(Placement, WhatIsNotNeededIsSpared) {
  // The small ones are worth less, but the large one alone is enough.
  Inventory inventory = cpu(10, 100);
  HeldReplica large = idle(3, 80, 3);
  large.reload = std::chrono::seconds(60);
  for (const auto& r : {idle(1, 10, 1), idle(2, 10, 2), large}) inventory.add(r);
  EXPECT_EQ(decide(inventory, claim(9, 80)).end, std::vector<std::uint64_t>{3});
}

TEST(Placement, RoomThatComesAnywayIsAwaited) {
  Inventory inventory = cpu(10, 100);
  HeldReplica ending = idle(2, 50, 2);
  ending.state = State::kEnding;
  inventory.add(idle(1, 50, 1));
  inventory.add(ending);
  const std::vector<Claim> claims{claim(8, 50), claim(9, 50)};
  const Plan plan = settle(inventory, claims);
  EXPECT_EQ(verdicts(plan), (std::vector{Verdict::kRoomComing, Verdict::kRoomComing}));
  EXPECT_TRUE(plan.decisions[0].end.empty());
  EXPECT_EQ(plan.decisions[1].end, std::vector<std::uint64_t>{1});
  inventory.remove(1);
  EXPECT_EQ(verdicts(settle(inventory, claims)),
            (std::vector{Verdict::kStart, Verdict::kRoomComing}));
  inventory.remove(2);
  EXPECT_EQ(settle(inventory, std::span(claims).subspan(1)).decisions[0].verdict, Verdict::kStart);
}

TEST(Placement, NobodyGoesInVain) {
  Inventory inventory = cpu(10, 100);
  HeldReplica busy = idle(2, 70, 2);
  busy.state = State::kBusy;
  inventory.add(idle(1, 30, 1));
  inventory.add(busy);
  const Decision d = decide(inventory, claim(9, 50));
  EXPECT_EQ(d.verdict, Verdict::kWait);
  EXPECT_TRUE(d.end.empty());
  EXPECT_EQ(d.rejected, (std::vector<Rejection>{{Why::kNothingIdle, kCpu, 30, 50}}));
  EXPECT_EQ(explain(d, inventory),
            "waits for room; cpu/x86: at most 30 bytes are free or held by idle replicas that may "
            "go, 50 bytes are needed");
}

TEST(Placement, ALargeClaimThatWasOvertakenOftenGoesFirst) {
  const auto machine = [] {
    Inventory inventory = cpu(10, 100);
    HeldReplica busy = idle(2, 60, 2);
    busy.state = State::kBusy;
    inventory.add(idle(1, 30, 1));
    inventory.add(busy);
    return inventory;
  };
  Inventory patient = machine();
  const Plan passed = settle(patient, std::vector{claim(8, 90, kMaxOvertaken - 1), claim(9, 10)});
  EXPECT_EQ(verdicts(passed), (std::vector{Verdict::kWait, Verdict::kStart}));
  EXPECT_EQ(passed.overtaken, (std::vector{true, false}));
  Inventory inventory = machine();
  const std::vector enough{claim(8, 90, kMaxOvertaken), claim(9, 10)};
  const Plan plan = settle(inventory, enough);
  EXPECT_EQ(verdicts(plan), (std::vector{Verdict::kWait, Verdict::kBehind}));
  EXPECT_EQ(plan.decisions[0].end, std::vector<std::uint64_t>{1});  // gathers room
  EXPECT_EQ(plan.decisions[1].rejected[0].why, Why::kHeld);
  inventory.remove(1);
  inventory.set_idle(2, at(3), 0);
  const Plan served = settle(inventory, enough);
  EXPECT_EQ(verdicts(served), (std::vector{Verdict::kRoomComing, Verdict::kStart}));
  EXPECT_EQ(served.decisions[0].end, std::vector<std::uint64_t>{2});
  inventory.remove(2);
  EXPECT_EQ(settle(inventory, std::span(enough).first(1)).decisions[0].verdict, Verdict::kStart);
}

TEST(Placement, ADeviceThatIsNotUsableHoldsWhatItHasAndGetsNothing) {
  Inventory inventory({{.name = "lost", .flavor = kT4, .bytes = 16, .usable = false},
                       {.name = "good", .flavor = kT4, .bytes = 16}});
  inventory.add(idle(1, 10, 1, 0));
  const Decision d = decide(inventory, gpu(9, {kT4}, 10));
  EXPECT_EQ(d.verdict, Verdict::kStart);
  EXPECT_EQ(d.site, (std::vector<Use>{{1, 10}}));
  EXPECT_EQ(explain(decide(inventory, gpu(9, {kT4}, 10, 2)), inventory),
            "cannot run here; gpu/t4: a device is lost or failing");
  inventory.set_busy(1);
  inventory.remove(1);
  EXPECT_EQ(inventory.shelf(0).now.bytes, 0U);
}

TEST(Placement, AClaimOfUnknownSizeGetsDevicesWhole) {
  Inventory inventory({{.name = "a", .flavor = kT4, .bytes = 16}});
  EXPECT_EQ(decide(inventory, gpu(9, {kT4}, 0)).site, (std::vector<Use>{{0, 16}}));
  inventory.add(idle(1, 1, 1));
  EXPECT_EQ(decide(inventory, gpu(9, {kT4}, 0)).end, std::vector<std::uint64_t>{1});
}

TEST(Placement, SaysWhyABetterFlavorWasNotTaken) {
  Inventory inventory(
      {{.name = "a", .flavor = kH100, .bytes = 80}, {.name = "b", .flavor = kT4, .bytes = 16}});
  HeldReplica busy = idle(1, 75, 1);
  busy.state = State::kBusy;
  inventory.add(busy);
  EXPECT_EQ(explain(decide(inventory, gpu(9, {kH100, kT4}, 10)), inventory),
            "starts on gpu/t4: b (10 bytes); gpu/h100: at most 5 bytes are free, 10 bytes are "
            "needed");
  inventory.add(idle(2, 10, 1, 1));
  const Decision d = decide(inventory, gpu(9, {kH100, kT4}, 10));
  EXPECT_EQ(d.end, std::vector<std::uint64_t>{2});
  EXPECT_EQ(d.rejected, (std::vector<Rejection>{{Why::kNothingIdle, kH100, 5, 10}}));
}

TEST(Placement, WhatNeverFitsIsSaidSo) {
  Inventory inventory = cpu(10, 100);
  const std::vector<Claim> claims{claim(1, 101), claim(2, ~0ULL), claim(3, 100)};
  EXPECT_EQ(verdicts(settle(inventory, claims)),
            (std::vector{Verdict::kNever, Verdict::kNever, Verdict::kStart}));
  EXPECT_EQ(explain(decide(inventory, claim(1, 101)), inventory),
            "cannot run here; cpu/x86: the largest device has 100 bytes, 101 bytes are needed");
  EXPECT_EQ(explain(decide(inventory, gpu(1, {kT4}, 1)), inventory),
            "cannot run here; gpu/t4: there is no such device here");
  Claim elsewhere = claim(1, 1);
  elsewhere.allowed_here = false;
  EXPECT_EQ(explain(decide(inventory, elsewhere), inventory),
            "cannot run here; its location policies do not allow this host");
}

// Four H100 of one node, linked in pairs 1–2 and 3–4, a T4 in another, and CPUs.
Inventory mixed() {
  std::vector<Device> devices{{.name = "cpu0", .flavor = kCpu, .bytes = 1'000, .threads = 16}};
  for (unsigned i = 1; i <= 4; ++i) {
    devices.push_back({.name = "gpu" + std::to_string(i),
                       .flavor = kH100,
                       .bytes = 80,
                       .numa = i / 3,
                       .links = {{i % 2 == 1 ? i + 1 : i - 1, 4}}});
  }
  devices.push_back({.name = "gpu5", .flavor = kT4, .bytes = 16, .node = 1});
  return Inventory(std::move(devices));
}

TEST(Placement, TakesTheFirstFlavorThatFitsNow) {
  Inventory inventory = mixed();
  const Decision small = decide(inventory, gpu(1, {kT4, kH100}, 10));
  EXPECT_EQ(small.site, (std::vector<Use>{{5, 10}}));
  const Decision large = decide(inventory, gpu(1, {kT4, kH100}, 40));
  EXPECT_EQ(large.flavor, kH100);
  EXPECT_EQ(large.threads, 16U);
  EXPECT_EQ(large.rejected, (std::vector<Rejection>{{Why::kTooSmall, kT4, 16, 40}}));
  EXPECT_EQ(explain(large, inventory),
            "starts on gpu/h100: gpu1 (40 bytes), cpu0; gpu/t4: the largest device has 16 bytes, "
            "40 bytes are needed");
}

TEST(Placement, SharesADeviceAndFillsTheSmallestGap) {
  Inventory inventory = mixed();
  inventory.add({.id = 1, .deployment = 1, .uses = {{3, 50}}});
  EXPECT_EQ(decide(inventory, gpu(2, {kH100}, 30)).site[0].device, 3U);
  EXPECT_EQ(decide(inventory, gpu(2, {kH100}, 31)).site[0].device, 1U);
}

TEST(Placement, SeveralDevicesHangTogether) {
  Inventory inventory = mixed();
  inventory.add({.id = 1, .deployment = 1, .uses = {{1, 50}}});
  const Decision two = decide(inventory, gpu(2, {kH100}, 60, 2));
  EXPECT_EQ(two.site, (std::vector<Use>{{3, 60}, {4, 60}, {0, 0}}));
  EXPECT_EQ(decide(inventory, gpu(2, {kH100}, 20, 4)).verdict, Verdict::kStart);
  EXPECT_EQ(decide(inventory, gpu(2, {kH100}, 60, 4)).verdict, Verdict::kWait);
  EXPECT_EQ(explain(decide(inventory, gpu(2, {kH100}, 1, 5)), inventory),
            "cannot run here; gpu/h100: a node has 4 of them at most, 5 are needed");
}

TEST(Placement, TheMemoryOfTheNodeCountsToo) {
  Inventory inventory = mixed();
  inventory.add({.id = 1, .deployment = 1, .uses = {{0, 990}}});
  Claim c = gpu(2, {kH100}, 10);
  c.host_bytes = 20;
  const Decision d = decide(inventory, c);
  EXPECT_EQ(d.verdict, Verdict::kWait);
  EXPECT_EQ(d.rejected[0].why, Why::kHostMemory);
  inventory.set_idle(1, at(1), 0);
  EXPECT_EQ(decide(inventory, c).end, std::vector<std::uint64_t>{1});
  c.host_bytes = 1'001;
  EXPECT_EQ(decide(inventory, c).verdict, Verdict::kNever);
}

// Properties.

struct Case {
  std::vector<Device> devices;
  std::vector<HeldReplica> held;
  std::map<std::uint64_t, unsigned> minimum;
  std::vector<Claim> claims;

  Inventory inventory() const {
    Inventory inventory(devices, {.min_churn_age = std::chrono::seconds(2)});
    for (const auto& [deployment, least] : minimum) inventory.set_minimum(deployment, least);
    inventory.advance(at(10));
    for (const HeldReplica& r : held) inventory.add(r);
    return inventory;
  }
};

Case generate(std::mt19937& random) {
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  Case c;
  const unsigned nodes = 1 + below(3);
  for (unsigned node = 0; node < nodes; ++node) {
    c.devices.push_back({.flavor = kCpu,
                         .bytes = below(4) == 0 ? 0 : 100 + below(100),
                         .replicas = below(2) * (2 + below(8)),
                         .node = node});
    for (unsigned n = below(5); n > 0; --n) {
      c.devices.push_back({.flavor = below(2) ? kH100 : kT4,
                           .bytes = 30 + below(60),
                           .node = node,
                           .numa = below(2)});
    }
  }
  const unsigned deployments = 1 + below(6);
  for (unsigned d = 0; d < deployments; ++d) c.minimum[d] = below(4) == 0 ? 1 + below(2) : 0;
  for (unsigned id = 1, n = below(16); id <= n; ++id) {
    HeldReplica r{.id = id,
                  .deployment = below(deployments),
                  .state = static_cast<State>(1 + below(3)),
                  .placed = at(static_cast<int>(below(12))),
                  .idle_since = at(static_cast<int>(below(9))),
                  .rate = 0.1 * below(9)};
    std::unordered_set<DeviceIndex> used;
    for (unsigned k = 1 + below(2); k > 0; --k) {
      const auto d = static_cast<DeviceIndex>(below(static_cast<unsigned>(c.devices.size())));
      if (used.insert(d).second) r.uses.push_back({d, below(25)});
    }
    c.held.push_back(std::move(r));
  }
  const std::vector<std::vector<Flavor>> wishes{{}, {kCpu}, {kH100}, {kT4, kH100}, {kH100, kT4}};
  for (unsigned id = 100, n = below(6); n > 0; --n) {
    c.claims.push_back({.id = id++,
                        .deployment = below(deployments),
                        .flavors = wishes[below(5)],
                        .allowed_here = below(9) != 0,
                        .host_bytes = below(60),
                        .device_bytes = below(60),
                        .devices = 1 + below(3),
                        .overtaken = below(2) * below(2 * kMaxOvertaken)});
  }
  return c;
}

bool allowed(const Claim& claim, const Flavor& flavor) {
  if (claim.flavors.empty()) return flavor.type == FlavorType::kCpu;
  return std::ranges::find(claim.flavors, flavor) != claim.flavors.end();
}

// What must hold of every plan, whatever the snapshot.
std::uint64_t whole(const Case& c, const Flavor& flavor) {
  return c.inventory().pools().at(flavor).smallest;
}

void check(const Case& c, const Plan& plan) {
  std::vector<std::uint64_t> now(c.devices.size()), later(c.devices.size());
  std::vector<unsigned> now_n(c.devices.size()), later_n(c.devices.size());
  std::map<std::uint64_t, unsigned> standing;
  std::unordered_set<std::uint64_t> victims;
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const Decision& d = plan.decisions[i];
    standing[c.claims[i].deployment] += d.verdict == Verdict::kStart;
    for (const std::uint64_t id : d.end) EXPECT_TRUE(victims.insert(id).second);
  }
  for (const HeldReplica& r : c.held) {
    const bool goes = victims.contains(r.id) || r.state == State::kEnding;
    if (victims.contains(r.id)) {
      EXPECT_EQ(r.state, State::kIdle);
      EXPECT_LE(r.placed, at(8)) << "young";
    }
    standing[r.deployment] += !goes;
    for (const Use& use : r.uses) {
      now[use.device] += use.bytes, ++now_n[use.device];
      if (!goes) later[use.device] += use.bytes, ++later_n[use.device];
    }
  }
  // No minimum is undercut by a victim.
  for (const HeldReplica& r : c.held) {
    if (victims.contains(r.id)) EXPECT_GE(standing[r.deployment], c.minimum.at(r.deployment));
  }
  std::unordered_set<DeviceIndex> given, started;
  for (std::size_t i = 0; i < c.claims.size(); ++i) {
    const Decision& d = plan.decisions[i];
    const bool gets = d.verdict == Verdict::kStart || d.verdict == Verdict::kRoomComing;
    EXPECT_EQ(gets, !d.site.empty());
    if (plan.overtaken[i]) EXPECT_EQ(d.verdict, Verdict::kWait);
    if (!gets && c.claims[i].overtaken < kMaxOvertaken) EXPECT_TRUE(d.end.empty()) << "in vain";
    if (d.verdict == Verdict::kStart) EXPECT_TRUE(d.end.empty());
    if (!gets) continue;
    EXPECT_TRUE(c.claims[i].allowed_here);
    EXPECT_TRUE(allowed(c.claims[i], d.flavor));
    const bool is_gpu = d.flavor.type == FlavorType::kGpu;
    const unsigned devices = is_gpu ? c.claims[i].devices : 1;
    ASSERT_EQ(d.site.size(), devices + is_gpu);
    for (std::size_t n = 0; n < d.site.size(); ++n) {
      const Use& use = d.site[n];
      const Device& device = c.devices[use.device];
      EXPECT_EQ(device.node, c.devices[d.site[0].device].node);
      EXPECT_EQ(device.flavor, n < devices ? d.flavor : kCpu);
      EXPECT_EQ(use.bytes, device.flavor == kCpu           ? c.claims[i].host_bytes
                           : c.claims[i].device_bytes != 0 ? c.claims[i].device_bytes
                                                           : whole(c, device.flavor));
      later[use.device] += use.bytes, ++later_n[use.device];
      given.insert(use.device);
      if (d.verdict != Verdict::kStart) continue;
      now[use.device] += use.bytes, ++now_n[use.device];
      started.insert(use.device);
    }
  }
  const auto within = [&](DeviceIndex d, std::uint64_t bytes, unsigned replicas) {
    const Device& device = c.devices[d];
    if (device.bytes != 0) EXPECT_LE(bytes, device.bytes);
    if (device.replicas != 0) EXPECT_LE(replicas, device.replicas);
  };
  for (const DeviceIndex d : given) within(d, later[d], later_n[d]);
  for (const DeviceIndex d : started) within(d, now[d], now_n[d]);
}

TEST(Placement, EveryPlanKeepsTheRules) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000 && !::testing::Test::HasFailure(); ++i) {
    const Case c = generate(random);
    SCOPED_TRACE(i);
    Inventory inventory = c.inventory();
    check(c, settle(inventory, c.claims));
  }
}

TEST(Placement, TheOrderInWhichThingsCameDoesNotMatter) {
  std::mt19937 random(8);
  for (int i = 0; i < 3'000; ++i) {
    Case c = generate(random);
    const Inventory one = c.inventory();
    std::ranges::shuffle(c.held, random);
    Inventory other = c.inventory();
    for (const HeldReplica& r : c.held) {  // there and back again
      if (r.state != State::kIdle) continue;
      other.set_busy(r.id);
      other.set_idle(r.id, r.idle_since, r.rate);
    }
    for (const Claim& wanted : c.claims) ASSERT_EQ(decide(one, wanted), decide(other, wanted)) << i;
  }
}

// Acted upon until nothing changes, with work that always ends, every claim that can fit is placed.
TEST(Placement, NoClaimStarves) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    Inventory inventory = cpu(4, 100);
    inventory.add({.id = 1, .deployment = 1, .uses = {{0, 50}}});
    inventory.add({.id = 2, .deployment = 2, .uses = {{0, 50}}});
    std::vector<std::uint64_t> running{1, 2};
    std::vector<Claim> claims{claim(1'000'000, 100)};  // needs the whole host
    std::uint64_t next = 3;
    int turns = 0;
    for (; turns < 2'000; ++turns) {
      while (claims.size() < 4) claims.push_back(claim(next++, 10 + random() % 50));
      const Plan plan = settle(inventory, claims);
      std::vector<Claim> left;
      for (std::size_t i = 0; i < claims.size(); ++i) {
        const Decision& d = plan.decisions[i];
        for (const std::uint64_t id : d.end) {
          inventory.remove(id);
          std::erase(running, id);
        }
        claims[i].overtaken += plan.overtaken[i];
        if (d.verdict == Verdict::kStart) {
          running.push_back(claims[i].id);
        } else {
          left.push_back(claims[i]);
        }
      }
      claims = std::move(left);
      if (claims.empty() || claims[0].id != 1'000'000) break;
      for (const std::uint64_t id : running) {
        if (random() % 3 == 0) {
          inventory.set_idle(id, at(turns), 0);
        } else {
          inventory.set_busy(id);
        }
      }
    }
    EXPECT_LT(turns, 2'000);
  }
}

}  // namespace
}  // namespace tenon::scheduler
