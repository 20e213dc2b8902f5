// What a confined worker can and cannot do, tried from inside by a plugin.
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "tests/host/workers/fixture.h"

namespace tenon::workers {
namespace {

class SandboxTest : public WorkersTest {
 protected:
  void SetUp() override {
    ReplicaSpec prober = spec("prober");
    prober.environment = {{"GIVEN", "yes"}};
    prober.lease.memory_bytes = 100 << 20;
    ::setenv("TENON_TEST_SECRET", "of the host", 1);
    replica_ = ready(prober, observer_);
  }
  void TearDown() override { stop(*replica_, observer_); }

  // The errno that the attempt met.
  int attempt(const std::string& what, const std::string& argument = "") {
    Call call = post(argument);
    call.path = what;
    const Answer answer = ask(*replica_, call);
    EXPECT_EQ(answer.status, 200u) << what;
    return answer.body.empty() ? -1 : std::stoi(answer.body);
  }
  std::string cache(const std::string& path, const std::string& body = "") {
    Call call = post(body);
    call.path = path;
    return ask(*replica_, call).body;
  }

  Observer observer_;
  std::shared_ptr<Replica> replica_;
};

TEST_F(SandboxTest, ForbidsSystemCallsBeyondAPluginsBusiness) {
  for (const char* what : {"/socket", "/unix-socket", "/exec", "/fork", "/vfork", "/io_uring",
                           "/ptrace", "/bpf", "/unshare", "/userfaultfd", "/chmod", "/kill-parent",
                           "/prlimit-parent", "/affinity-parent", "/outlive"}) {
    EXPECT_EQ(attempt(what, data_ + "/model"), EPERM) << what;
  }
  EXPECT_EQ(attempt("/clone3"), ENOSYS);
}

TEST_F(SandboxTest, LeavesWhatAPluginNeeds) {
  EXPECT_EQ(attempt("/thread"), 0);
  EXPECT_EQ(attempt("/kill-self"), 0);
  EXPECT_EQ(attempt("/read", data_ + "/model/config.json"), 0);
  EXPECT_EQ(attempt("/read", "/proc/cpuinfo"), 0);
  EXPECT_EQ(attempt("/read", "/dev/urandom"), 0);
  EXPECT_EQ(attempt("/write", "/dev/null"), 0);
}

TEST_F(SandboxTest, HidesFilesThatAreNotItsOwn) {
  std::ofstream(data_ + "/secret") << "of another model";  // below a model root, not in its folder
  EXPECT_EQ(attempt("/read", data_ + "/secret"), EACCES);
  EXPECT_EQ(attempt("/read", "/etc/passwd"), EACCES);
  EXPECT_EQ(attempt("/write", data_ + "/model/new"), EACCES);
  EXPECT_EQ(attempt("/write", "/tmp/tenon-test-new"), EACCES);
  EXPECT_NE(attempt("/create-here"), 0);
}

TEST_F(SandboxTest, GivesTheDeploymentsEnvironmentAndNoOther) {
  EXPECT_EQ(attempt("/environment", "GIVEN"), 0);
  EXPECT_EQ(attempt("/environment", "TENON_TEST_SECRET"), ENOENT);
  EXPECT_EQ(attempt("/environment", "PATH"), ENOENT);
}

#ifndef TENON_SANITIZED  // under which memory is not limited
TEST_F(SandboxTest, LimitsPrivateMemory) {
  EXPECT_EQ(attempt("/allocate", std::to_string(10 << 20)), 0);
  EXPECT_EQ(attempt("/allocate", std::to_string(2ULL << 30)), ENOMEM);
}
#endif

TEST_F(SandboxTest, CachedFilesAreThereForTheNextReplicaOfTheModel) {
  EXPECT_EQ(cache("/cache-get"), "nothing");
  EXPECT_EQ(cache("/cache-put", "packed"), "ok");
  EXPECT_EQ(cache("/cache-get"), "packed");
  EXPECT_EQ(cache("/cache-put", "packed anew"), "ok");

  Observer observer;
  auto next = ready(spec("prober"), observer);
  Call call = post("");
  call.path = "/cache-get";
  EXPECT_EQ(ask(*next, call).body, "packed anew");
  stop(*next, observer);

  std::ofstream(data_ + "/model/config.json") << "another model now";
  Observer other_observer;
  auto other = ready(spec("prober"), other_observer);
  EXPECT_EQ(ask(*other, call).body, "nothing");
  stop(*other, other_observer);
}

}  // namespace
}  // namespace tenon::workers
