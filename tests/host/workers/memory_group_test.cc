// The memory limit of a worker, by a control group where this machine lets us make one; elsewhere
// what the host says instead.
#include "host/workers/memory_group.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "tests/host/workers/fixture.h"

namespace tenon::workers {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kLimit = 160 << 20;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class F>
bool comes_true(F f) {
  for (int i = 0; i < 6'000; ++i) {
    if (f()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

Result<std::string> machine_offers() {
  boost::asio::io_context control;
  const auto groups = std::make_shared<MemoryGroups>(control);
  return groups->part();
}

// The processes in the groups of this host.
std::vector<std::string> groups_of_this_host() {
  const auto place =
      find_group_place(text_of("/proc/self/mountinfo"), text_of("/proc/self/cgroup"));
  std::vector<std::string> members;
  std::error_code ignored;
  if (!place) return members;
  const std::string prefix = "tenon-" + std::to_string(::getpid()) + "-";
  for (const auto& entry : std::filesystem::directory_iterator(place->folder, ignored)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    members.push_back(text_of(entry.path().string() + "/cgroup.procs"));
  }
  return members;
}

Supervision quick() {
  Supervision supervision;
  supervision.tick = milliseconds(20);
  return supervision;
}

class MemoryGroupTest : public WorkersTest {
 protected:
  MemoryGroupTest() : WorkersTest(quick()) {}

  static ReplicaSpec limited() {
    ReplicaSpec out = spec("prober");
    out.lease.memory_bytes = kLimit;
    out.lease.estimated_bytes = 40 << 20;
    return out;
  }
  static bool is_confined(const Replica& replica) {
    return text_of("/proc/" + std::to_string(replica.pid()) + "/cgroup").contains("/tenon-");
  }
  static Call eat(std::uint64_t bytes) {
    Call call = post(std::to_string(bytes));
    call.path = "/eat";
    return call;
  }
};

TEST_F(MemoryGroupTest, AWorkerBeyondItsLimitIsKilledAndNamedAndNoOther) {
  Observer greedy_observer;
  Observer other_observer;
  auto greedy = ready(limited(), greedy_observer);
  auto other = ready(limited(), other_observer);
  if (const auto part = machine_offers(); !part) {
    EXPECT_THAT(part.error().message, HasSubstr("RLIMIT_DATA holds alone"));
    EXPECT_FALSE(is_confined(*greedy));
    stop(*greedy, greedy_observer);
  } else {
    ASSERT_TRUE(comes_true([&] { return is_confined(*greedy) && is_confined(*other); }));
    EXPECT_EQ(ask(*greedy, eat(10 << 20)).body, "0");
    const Answer answer = ask(*greedy, eat(kLimit * 2));
    ASSERT_TRUE(answer.failure.has_value());
    EXPECT_EQ(answer.failure->kind, Failure::Kind::kDied);
    EXPECT_THAT(
        greedy_observer.gone.get().error.message,
        HasSubstr("killed by its memory limit of 160MiB; its plugin estimated 40MiB; memory "
                  "in [deployment.limits]"));
  }
  EXPECT_EQ(ask(*other, eat(10 << 20)).body, "0");
  stop(*other, other_observer);
}

TEST_F(MemoryGroupTest, TheNextReplicaIsAForkThatIsInItsGroupAlready) {
  if (!machine_offers()) {
    EXPECT_TRUE(groups_of_this_host().empty());
    return;
  }
  Observer first_observer;
  auto first = ready(limited(), first_observer);
  ASSERT_TRUE(comes_true([&] { return is_confined(*first); }));
  // Seen in its group a moment before the host knows: one that was not taken yet is met again.
  const bool met = comes_true([&] {
    std::vector<std::string> before = groups_of_this_host();
    Observer observer;
    auto next = ready(limited(), observer);
    const bool was_spare =
        std::ranges::find(before, std::to_string(next->pid()) + "\n") != before.end();
    if (was_spare) {
      EXPECT_TRUE(is_confined(*next));
      EXPECT_TRUE(ask(*next, eat(kLimit * 2)).failure.has_value());
      observer.gone.get();
    } else {
      stop(*next, observer);
    }
    return was_spare;
  });
  EXPECT_TRUE(met);
  stop(*first, first_observer);
}

TEST(MemoryGroupsTest, SayWhyAProcessCannotBeMovedIn) {
  boost::asio::io_context control;
  const auto groups = std::make_shared<MemoryGroups>(control);
  const auto group = groups->make(kLimit);
  EXPECT_EQ(group != nullptr, groups->part().has_value());
  if (!group) return;
  std::optional<Result<void>> moved;
  group->attach(1 << 30, [&](const Result<void>& done) { moved = done; });  // beyond every pid
  groups->close();
  control.run();
  ASSERT_TRUE(moved.has_value());
  ASSERT_FALSE(*moved);
  EXPECT_THAT(moved->error().message, HasSubstr("cgroup.procs"));
}

TEST(MemoryGroupsTest, LeaveNothingBehind) {
  class House : public MemoryGroupTest {
   public:
    void TestBody() override {
      Observer observer;
      auto replica = ready(limited(), observer);
      if (machine_offers()) {
        EXPECT_TRUE(comes_true([] { return groups_of_this_host().size() == 2; })) << "with spare";
      }
      stop(*replica, observer);
    }
  };
  {
    House house;
    house.TestBody();
  }
  EXPECT_TRUE(groups_of_this_host().empty());
}

TEST(MemoryGroupsTest, ArePlacedBelowTheHostsOwnGroup) {
  const std::string v2 = "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
  auto place = find_group_place(v2, "0::/system.slice/tenon.service\n");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->folder, "/sys/fs/cgroup/system.slice/tenon.service");
  EXPECT_TRUE(place->v2);
  EXPECT_EQ(find_group_place(v2, "0::/\n")->folder, "/sys/fs/cgroup");
  EXPECT_EQ(find_group_place(v2, "0::/../other\n")->folder, "/sys/fs/cgroup");

  const std::string both = v2 +
                           "30 20 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                           "31 20 0:31 /box /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  place = find_group_place(both, "4:memory:/box/inner\n1:cpu:/\n0::/\n");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->folder, "/sys/fs/cgroup/memory/inner");
  EXPECT_FALSE(place->v2);

  place = find_group_place("22 1 0:20 / /proc rw - proc proc rw\n", "0::/\n");
  ASSERT_FALSE(place);
  EXPECT_THAT(place.error().message, HasSubstr("no cgroup hierarchy"));
}

}  // namespace
}  // namespace tenon::workers
