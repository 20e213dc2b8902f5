// A worker sees its lease and nothing beside it, said by a plugin from inside.
#include <sched.h>

#include <cerrno>
#include <fstream>

#include "tests/host/workers/fixture.h"

namespace tenon::workers {
namespace {

class LeaseTest : public WorkersTest {
 protected:
  // Files stand in for the devices': Landlock treats them alike.
  LeaseTest() {
    for (const char* name : {"nvidia0", "nvidia1", "nvidia2"}) std::ofstream(file(name)) << "x";
  }
  std::string file(const std::string& name) const { return data_ + "/" + name; }

  LeasedDevice device(const std::string& number) const {
    return {"GPU-" + number, "gpu/h100", 80'000'000'000, {file("nvidia" + number)}};
  }
  std::string ask_for(Replica& replica, const std::string& path, const std::string& body = "") {
    Call call = post(body);
    call.path = path;
    return ask(replica, call).body;
  }
};

unsigned last_cpu() {
  cpu_set_t set;
  ::sched_getaffinity(0, sizeof set, &set);
  unsigned last = 0;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) last = cpu;
  }
  return last;
}

TEST_F(LeaseTest, OfDevicesIsWhatTheWorkerSees) {
  ReplicaSpec spec = WorkersTest::spec("prober");
  spec.lease.flavor = "gpu/h100";
  spec.lease.threads = 3;
  spec.lease.memory_bytes = 100 << 20;
  spec.lease.devices = {device("2"), device("0")};
  spec.environment = {{"CUDA_VISIBLE_DEVICES", "all of them"}};
  for (int round = 0; round < 2; ++round) {  // the second is forked from a template that stands
    Observer observer;
    const auto replica = ready(spec, observer);
    EXPECT_EQ(ask_for(*replica, "/lease"),
              "gpu/h100 threads=3 memory=104857600 cpus= 0=GPU-2,gpu/h100,80000000000 "
              "1=GPU-0,gpu/h100,80000000000");
    EXPECT_TRUE(ask_for(*replica, "/sees").ends_with(" devices=GPU-2,GPU-0"));
    EXPECT_EQ(ask_for(*replica, "/write", file("nvidia0")), "0");
    EXPECT_EQ(ask_for(*replica, "/write", file("nvidia2")), "0");
    EXPECT_EQ(ask_for(*replica, "/read", file("nvidia1")), std::to_string(EACCES));
    EXPECT_EQ(ask_for(*replica, "/write", file("nvidia1")), std::to_string(EACCES));
    stop(*replica, observer);
  }
}

TEST_F(LeaseTest, WithoutDevicesOpensNone) {
  // Of the same plugin as one that has some.
  ReplicaSpec with = spec("prober");
  with.lease.devices = {device("0")};
  Observer first_observer, observer;
  const auto first = ready(with, first_observer);
  const auto replica = ready(spec("prober"), observer);
  EXPECT_TRUE(ask_for(*replica, "/sees").ends_with(" devices="));
  EXPECT_EQ(ask_for(*replica, "/write", file("nvidia0")), std::to_string(EACCES));
  stop(*replica, observer);
  stop(*first, first_observer);
}

TEST_F(LeaseTest, OfCpusBindsAllThreads) {
  const unsigned cpu = last_cpu();
  ReplicaSpec bound = spec("prober");
  bound.lease.cpus = {cpu};
  Observer observer;
  const auto replica = ready(bound, observer);
  EXPECT_EQ(ask_for(*replica, "/lease"), "cpu/x86 threads=1 memory=0 cpus=" + std::to_string(cpu));
  EXPECT_EQ(ask_for(*replica, "/sees"), "cpus=" + std::to_string(cpu) + "; devices=");
  EXPECT_EQ(ask_for(*replica, "/affinity-own"), std::to_string(EPERM));
  stop(*replica, observer);
}

TEST_F(LeaseTest, OfCpusThatAreNotThereDoesNotKeepAReplicaFromStarting) {
  ReplicaSpec bound = spec("prober");
  bound.lease.cpus = {4000};
  Observer observer;
  const auto replica = ready(bound, observer);
  EXPECT_TRUE(ask_for(*replica, "/sees").contains(std::to_string(last_cpu()) + ";"));
  EXPECT_EQ(ask_for(*replica, "/affinity-own"), "0");
  stop(*replica, observer);
}

TEST_F(LeaseTest, OfDevicesIsNotForTheHostsOwnProcess) {
  ReplicaSpec inside = spec("prober");
  inside.isolation = Isolation::kHost;
  inside.lease.devices = {device("0")};
  Observer observer;
  launch(inside, observer);
  const Gone gone = observer.gone.get();
  EXPECT_EQ(gone.kind, Gone::Kind::kLoadFailed);
  EXPECT_TRUE(gone.error.message.contains("isolation = \"worker\"")) << gone.error.message;
}

}  // namespace
}  // namespace tenon::workers
