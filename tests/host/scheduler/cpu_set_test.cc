#include "host/scheduler/cpu_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace tenon::scheduler {
namespace {

using testing::ElementsAre;

// Two nodes of two cores with two CPUs each; the second CPUs are numbered after the first.
std::vector<CpuUse> machine() {
  return {{0, 0, 0, 0}, {1, 1, 0, 0}, {2, 2, 1, 0}, {3, 3, 1, 0},
          {4, 0, 0, 0}, {5, 1, 0, 0}, {6, 2, 1, 0}, {7, 3, 1, 0}};
}

TEST(CpuSet, TakesOneCpuOfEachCoreFirst) {
  EXPECT_THAT(choose_cpus(machine(), 2, {}), ElementsAre(0, 1));
  EXPECT_THAT(choose_cpus(machine(), 3, {}), ElementsAre(0, 1, 4));
}

TEST(CpuSet, StaysNearTheDevices) {
  EXPECT_THAT(choose_cpus(machine(), 2, 1), ElementsAre(2, 3));
  EXPECT_THAT(choose_cpus(machine(), 4, 1), ElementsAre(2, 3, 6, 7));
  EXPECT_THAT(choose_cpus(machine(), 5, 1), ElementsAre(0, 2, 3, 6, 7));
}

TEST(CpuSet, AvoidsCpusAndCoresOfOthers) {
  auto cpus = machine();
  cpus[0].leases = 1;
  EXPECT_THAT(choose_cpus(cpus, 2, {}), ElementsAre(2, 3)) << "the other node is free";
  EXPECT_THAT(choose_cpus(cpus, 1, 0), ElementsAre(1)) << "a core of its own";
  EXPECT_THAT(choose_cpus(cpus, 3, 0), ElementsAre(1, 4, 5));
}

TEST(CpuSet, SharesTheLeastLeasedWhenAllAreTaken) {
  auto cpus = machine();
  for (auto& cpu : cpus) cpu.leases = 2;
  cpus[3].leases = 1;
  EXPECT_THAT(choose_cpus(cpus, 1, {}), ElementsAre(3));
}

TEST(CpuSet, GivesWhatThereIs) {
  EXPECT_EQ(choose_cpus(machine(), 100, 7).size(), 8u) << "no node 7";
  EXPECT_TRUE(choose_cpus({}, 2, {}).empty());
  EXPECT_TRUE(choose_cpus(machine(), 0, {}).empty());
}

// As often as one of so many threads is leased, until CPUs are shared.
std::vector<CpuList> leases(std::vector<CpuUse> cpus, unsigned threads, unsigned times) {
  std::vector<CpuList> out;
  for (unsigned i = 0; i < times; ++i) {
    out.push_back(lease_cpus(cpus, threads, {}));
    for (CpuUse& cpu : cpus) cpu.leases += std::ranges::count(out.back(), cpu.id) != 0 ? 1 : 0;
  }
  return out;
}

TEST(LeaseCpus, AreDisjointWhileSomeRemainForAllOthers) {
  EXPECT_THAT(leases(machine(), 2, 3),
              ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4, 5)));
}

TEST(LeaseCpus, AreAWholeNodeWhenTheyMustBeShared) {
  auto cpus = machine();
  for (auto& cpu : cpus) cpu.leases = cpu.id == 7 ? 0 : 1;
  EXPECT_THAT(lease_cpus(cpus, 1, {}), ElementsAre(2, 3, 6, 7));
  EXPECT_THAT(lease_cpus(cpus, 1, 0), ElementsAre(0, 1, 4, 5)) << "near its devices";
  EXPECT_TRUE(lease_cpus(cpus, 5, {}).empty()) << "more threads than a node has";
}

TEST(LeaseCpus, OnASmallMachineAllShareAll) {
  const std::vector<CpuUse> two{{0, 0, 0, 0}, {1, 1, 0, 0}};
  EXPECT_TRUE(lease_cpus(two, 1, {}).empty());
  EXPECT_TRUE(lease_cpus(two, 2, {}).empty());
  EXPECT_TRUE(lease_cpus({}, 2, {}).empty());
}

}  // namespace
}  // namespace tenon::scheduler
