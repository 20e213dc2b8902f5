// Ten thousand clients that say nothing cost little and harm nobody.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/host/gateway/gateway_fixture.h"

namespace tenon::testing {
namespace {

std::uint64_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, pages = 0;
  statm >> total >> pages;
  return pages * 4096;
}

constexpr std::size_t kConnections = 10'000;

// Opens the connections, half of which ask something, and keeps them until told.
void be_the_clients(int orders, int reports) {
  unsigned port = 0;
  if (::read(orders, &port, sizeof port) != sizeof port) return;
  std::vector<RawClient> clients;
  clients.reserve(kConnections);
  char good = 1;
  for (std::size_t i = 0; i < kConnections; ++i) {
    clients.emplace_back(port);
    if (i % 2 == 0 && !clients.back().ask(post("/default/models/echo", "x"))) good = 0;
  }
  (void)!::write(reports, &good, 1);
  (void)!::read(orders, &port, sizeof port);
}

TEST_F(GatewayTest, TenThousandIdleConnectionsAreCheap) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  ASSERT_GE(limit.rlim_max, kConnections + 500)
      << "the limit of open files is too low for this test";
  int orders[2], reports[2];
  ASSERT_EQ(::pipe(orders), 0);
  ASSERT_EQ(::pipe(reports), 0);
  // The clients are another process: one may not hold both ends of so many. No thread runs yet.
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(orders[1]);
    be_the_clients(orders[0], reports[1]);
    ::_exit(0);
  }
  ::close(orders[0]);
  ::close(reports[1]);
  dispatcher_.add("echo", {});
  serve();
  connect().ask(post("/default/models/echo", "warm"));
  const std::uint64_t before = resident();
  char good = 0;
  ASSERT_EQ(::write(orders[1], &port_, sizeof port_), static_cast<ssize_t>(sizeof port_));
  ASSERT_EQ(::read(reports[0], &good, 1), 1);
  EXPECT_EQ(good, 1);
  EXPECT_TRUE(
      eventually([&] { return open_connections() == static_cast<std::int64_t>(kConnections); }));
  const std::uint64_t each = (resident() - before) / kConnections;
  RecordProperty("bytes_per_connection", static_cast<int>(each));
  EXPECT_LT(each, 8192u);
  EXPECT_EQ(connect().ask(post("/default/models/echo", "still here"))->body, "still here");
  ::close(orders[1]);
  ::close(reports[0]);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return open_connections() == 0; }));
}

}  // namespace
}  // namespace tenon::testing
