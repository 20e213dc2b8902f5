#include "host/devices/cpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/host/devices/played_machine.h"

namespace tenon::devices {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t kMiB = 1 << 20;

class CpusTest : public testing::Test {
 protected:
  // Two sockets of two cores of two threads, 1 GiB.
  CpusTest() {
    machine_.write(
        "/proc/cpuinfo",
        "processor\t: 0\nmodel name\t: Fast One 2.0\n"
        "flags\t\t: fpu sse4_2 avx2 fma avx512f avx512_vnni nothing\n\nprocessor\t: 1\n");
    machine_.write("/proc/meminfo", "MemTotal:        1048576 kB\nMemFree:  5 kB\n");
    machine_.write("/sys/devices/system/node/online", "0-1\n");
    machine_.write("/sys/devices/system/node/node0/cpulist", "0-1,4-5\n");
    machine_.write("/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:  786432 kB\n");
    machine_.write("/sys/devices/system/node/node1/cpulist", "2-3,6-7\n");
    machine_.write("/sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:  262144 kB\n");
    for (unsigned cpu = 0; cpu < 8; ++cpu) {
      const unsigned core = cpu % 4;
      machine_.write(
          "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
          std::to_string(core) + "," + std::to_string(core + 4) + "\n");
    }
  }
  Cpus read(const std::string& allowed = "0-7") const {
    return read_cpus(machine_.root(), *parse_cpu_list(allowed), "x86_64");
  }

  PlayedMachine machine_;
};

TEST_F(CpusTest, ReadsTheWholeMachine) {
  const Cpus cpus = read();
  EXPECT_EQ(to_string(cpus.flavor), "cpu/x86");
  EXPECT_EQ(cpus.model, "Fast One 2.0");
  EXPECT_THAT(cpus.isa, ElementsAre("sse4_2", "avx2", "fma", "avx512f", "avx512_vnni"));
  EXPECT_EQ(cpus.usable, 8u);
  ASSERT_EQ(cpus.cpus.size(), 8u);
  EXPECT_EQ(cpus.cpus[6], (Cpu{6, 2, 1}));
  EXPECT_THAT(cpus.nodes, ElementsAre(NumaNode{0, {0, 1, 4, 5}, 768 * kMiB},
                                      NumaNode{1, {2, 3, 6, 7}, 256 * kMiB}));
  EXPECT_EQ(cpus.memory_bytes, 1024 * kMiB);
  EXPECT_EQ(cpus.memory_limit, 0u);
  EXPECT_EQ(usable_memory(cpus), 768 * kMiB);
}

TEST_F(CpusTest, LeavesOutCpusThatTheProcessMayNotUse) {
  const Cpus cpus = read("1-2");
  EXPECT_EQ(cpus.usable, 2u);
  EXPECT_THAT(cpus.cpus, ElementsAre(Cpu{1, 1, 0}, Cpu{2, 2, 1}));
  EXPECT_THAT(cpus.nodes[1].cpus, ElementsAre(2));
}

TEST_F(CpusTest, TheNarrowestGroupOfVersion2Counts) {
  machine_.write("/proc/self/cgroup", "0::/outer/inner\n");
  machine_.write("/sys/fs/cgroup/outer/cpu.max", "250000 100000\n");
  machine_.write("/sys/fs/cgroup/outer/memory.max", "536870912\n");
  machine_.write("/sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  machine_.write("/sys/fs/cgroup/outer/inner/memory.max", "max\n");
  const Cpus cpus = read();
  EXPECT_EQ(cpus.usable, 2u) << "two and a half CPUs";
  EXPECT_EQ(cpus.memory_limit, 512 * kMiB);
  EXPECT_EQ(usable_memory(cpus), 384 * kMiB);
}

TEST_F(CpusTest, GroupsOfVersion1Count) {
  machine_.write("/proc/self/cgroup", "5:cpu,cpuacct:/box\n4:memory:/not/mounted/here\n0::/\n");
  machine_.write("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "50000\n");
  machine_.write("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  machine_.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
  const Cpus cpus = read();
  EXPECT_EQ(cpus.usable, 1u) << "half a CPU is one thread";
  EXPECT_EQ(cpus.memory_limit, 256 * kMiB);
}

TEST_F(CpusTest, ALimitBeyondTheMachineIsNone) {
  machine_.write("/proc/self/cgroup", "5:cpu:/\n4:memory:/\n");
  machine_.write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  machine_.write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  machine_.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(read().usable, 8u);
  EXPECT_EQ(read().memory_limit, 0u);
}

TEST(Cpus, AMachineThatTellsNothingStillHasACpu) {
  const PlayedMachine machine;
  const Cpus cpus = read_cpus(machine.root(), {3}, "aarch64");
  EXPECT_EQ(to_string(cpus.flavor), "cpu/arm64");
  EXPECT_EQ(cpus.usable, 1u);
  EXPECT_THAT(cpus.cpus, ElementsAre(Cpu{3, 3, 0}));
  EXPECT_THAT(cpus.nodes, ElementsAre(NumaNode{0, {3}, 0}));
}

TEST(Cpus, ThisMachineHasSome) {
  const Cpus cpus = read_cpus();
  EXPECT_GE(cpus.usable, 1u);
  EXPECT_GE(cpus.cpus.size(), cpus.usable);
  EXPECT_GT(usable_memory(cpus), 1u << 20);
}

}  // namespace
}  // namespace tenon::devices
