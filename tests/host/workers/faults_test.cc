// What workers and their plugins can do wrong: the host goes on, names plugin and rule, ends every
// request exactly once, and other replicas see nothing of it.
#include <dirent.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "host/plugins/pin.h"
#include "tests/host/workers/fixture.h"
#include "tests/host/workers/processes.h"

namespace tenon::workers {
namespace {

Supervision quick() {
  Supervision supervision;
  supervision.tick = milliseconds(20);
  supervision.submit_limit = milliseconds(400);
  supervision.heartbeat_limit = milliseconds(5'000);
  supervision.unload_limit = milliseconds(300);
  return supervision;
}

class FaultsTest : public WorkersTest {
 protected:
  explicit FaultsTest(bool sandbox = true) : WorkersTest(quick(), sandbox) {}

  static ReplicaSpec sinner(const std::string& sin) {
    ReplicaSpec out = spec("faulty");
    out.options = {{"sin", sin}};
    return out;
  }
};

std::size_t open_descriptors() {
  std::size_t n = 0;
  DIR* dir = ::opendir("/proc/self/fd");
  while (::readdir(dir) != nullptr) ++n;
  ::closedir(dir);
  return n;
}

// Children of ours that hold a plugin, other than this one.
std::vector<int> children_but(int pid) {
  std::vector<int> out = children_of(::getpid());
  std::erase(out, pid);
  return out;
}

struct Sin {
  const char* name;
  Gone::Kind end;
  const char* word;  // in what the host says
};

class SinsTest : public FaultsTest, public testing::WithParamInterface<Sin> {};

TEST_P(SinsTest, EndTheReplicaAndNameTheRule) {
  Observer other_observer;
  auto other = ready(spec("echo"), other_observer);
  Observer observer;
  auto replica = ready(sinner(GetParam().name), observer);
  Sink sink;
  ASSERT_NE(submit(*replica, post("x"), sink), 0u);
  const Answer answer = sink.answer.get();
  const Gone gone = observer.gone.get();
  EXPECT_EQ(gone.kind, GetParam().end);
  EXPECT_NE(gone.error.message.find("faulty"), std::string::npos) << gone.error.message;
  EXPECT_NE(gone.error.message.find(GetParam().word), std::string::npos) << gone.error.message;
  EXPECT_EQ(ask(*other, post("still here")).body, "still here");
  stop(*other, other_observer);
}

INSTANTIATE_TEST_SUITE_P(
    , SinsTest,
    testing::Values(Sin{"abort_in_submit", Gone::Kind::kDied, "signal 6"},
#ifndef TENON_SANITIZED  // which turns the signal into an exit
                    Sin{"segfault_in_submit", Gone::Kind::kDied, "signal 11"},
#endif
                    Sin{"exit_in_submit", Gone::Kind::kDied, "exited"},
                    Sin{"throw_in_submit", Gone::Kind::kDied, "signal 6"},
                    Sin{"block_in_submit", Gone::Kind::kProtocol, "blocks in submit"},
                    Sin{"accept_too_many", Gone::Kind::kDied, "submit: accepted"},
                    Sin{"fault", Gone::Kind::kDied, "fault"},
                    Sin{"abort_mid_stream", Gone::Kind::kDied, "signal 6"}),
    [](const auto& it) { return std::string(it.param.name); });

class LoadSinsTest : public FaultsTest, public testing::WithParamInterface<const char*> {};

TEST_P(LoadSinsTest, FailTheLoad) {
  Observer observer;
  auto replica = launch(sinner(GetParam()), observer);
  const Gone gone = observer.gone.get();
  EXPECT_EQ(gone.kind, Gone::Kind::kLoadFailed);
  EXPECT_NE(gone.error.message.find("faulty"), std::string::npos) << gone.error.message;
  EXPECT_FALSE(observer.ready.is_set());
}

INSTANTIATE_TEST_SUITE_P(, LoadSinsTest,
                         testing::Values("fail_load", "abort_in_load", "exit_in_load",
                                         "throw_in_load", "null_instance", "fail_prepare",
                                         "abort_in_prepare"),
                         [](const auto& it) { return std::string(it.param); });

class HarmlessSinsTest : public FaultsTest, public testing::WithParamInterface<const char*> {};

TEST_P(HarmlessSinsTest, AreRefusedToThePluginAndSeenByNobody) {
  Observer observer;
  auto replica = ready(sinner(GetParam()), observer);
  for (int i = 0; i < 3; ++i) {
    Sink sink;
    ASSERT_NE(submit(*replica, post("x"), sink), 0u);
    EXPECT_EQ(sink.answer.get().messages >= 1, true);
  }
  stop(*replica, observer);
}

INSTANTIATE_TEST_SUITE_P(, HarmlessSinsTest, testing::Values("two_finals", "answer_before"),
                         [](const auto& it) { return std::string(it.param); });

TEST_F(FaultsTest, AHangInLoadEndsWhenItIsStopped) {
  Observer observer;
  auto replica = launch(sinner("hang_in_load"), observer);
  on_control([&] { replica->stop(milliseconds(0)); });
  EXPECT_EQ(observer.gone.get().kind, Gone::Kind::kStopped);
}

TEST_F(FaultsTest, AHangInUnloadIsCutShort) {
  Observer observer;
  auto replica = ready(sinner("hang_in_unload"), observer);
  on_control([&] { replica->stop(milliseconds(10)); });
  EXPECT_EQ(observer.gone.get().kind, Gone::Kind::kStopped);
}

TEST_F(FaultsTest, PluginsThatDoNotFitAreRefusedWithTheReason) {
  for (const char* id :
       {"wrong-magic", "future-major", "missing-entry", "abort-in-create", "fail-create"}) {
    Observer observer;
    launch(spec(id), observer);
    const Gone gone = observer.gone.get();
    EXPECT_EQ(gone.kind, Gone::Kind::kLoadFailed) << id;
    EXPECT_NE(gone.error.message.find(id), std::string::npos) << gone.error.message;
  }
}

TEST_F(FaultsTest, APinnedPluginThatIsReplacedWhileTheHostRunsIsRefused) {
  ReplicaSpec pinned = spec("echo");
  const std::string library = data_ + "/pinned.so";
  std::filesystem::copy_file(pinned.plugin.library, library);
  pinned.plugin.library = library;
  pinned.grant.sha256 = plugins::sha256_of(library).value();
  for (const Isolation isolation : {Isolation::kWorker, Isolation::kHost}) {
    pinned.isolation = isolation;
    Observer observer;
    auto replica = ready(pinned, observer);
    EXPECT_EQ(ask(*replica, post("x")).body, "x");
    stop(*replica, observer);
  }
  const std::string other = data_ + "/other.so";
  std::filesystem::copy_file(library, other);
  std::ofstream(other, std::ios::app) << "one byte more";
  std::filesystem::rename(other, library);
  for (const Isolation isolation : {Isolation::kWorker, Isolation::kHost}) {
    pinned.isolation = isolation;
    Observer observer;
    launch(pinned, observer);
    const Gone gone = observer.gone.get();
    EXPECT_EQ(gone.kind, Gone::Kind::kLoadFailed);
    EXPECT_NE(gone.error.message.find("pins " + pinned.grant.sha256), std::string::npos)
        << gone.error.message;
  }
}

TEST_F(FaultsTest, AFaultWhileItLoadsInTheHostNeverMakesAReadyReplica) {
  ReplicaSpec inside = sinner("fault_in_load");
  inside.isolation = Isolation::kHost;
  Observer observer;
  launch(inside, observer);
  const Gone gone = observer.gone.get();
  EXPECT_EQ(gone.kind, Gone::Kind::kDied);
  EXPECT_NE(gone.error.message.find("faulty"), std::string::npos) << gone.error.message;
  EXPECT_FALSE(observer.ready.is_set());
}

TEST_F(FaultsTest, ALauncherThatGoesEndsPluginsInTheHostAndTellsNobody) {
  ReplicaSpec inside = spec("echo");
  inside.isolation = Isolation::kHost;
  Observer observer;
  auto replica = ready(inside, observer);
  on_control([this] { launcher_.reset(); });
  on_control([] {});  // what the plugin's thread said last has been heard
  EXPECT_FALSE(observer.gone.is_set());
}

TEST_F(FaultsTest, AKilledWorkerEndsItsRequestsOnce) {
  Observer observer;
  auto replica = ready(spec("echo"), observer);
  std::vector<std::unique_ptr<Sink>> sinks;
  for (int i = 0; i < 10; ++i) {
    sinks.push_back(std::make_unique<Sink>());
    submit(*replica, post("x", i % 2 == 0 ? "sleep_ms=600000" : "stream=1000&sleep_ms=600000"),
           *sinks.back());
  }
  ::kill(replica->pid(), SIGKILL);
  for (auto& sink : sinks) {
    const Answer answer = sink->answer.get();
    ASSERT_TRUE(answer.failure);
    EXPECT_EQ(answer.failure->kind, Failure::Kind::kDied);
    EXPECT_TRUE(answer.failure->error.retryable);
  }
  const Gone gone = observer.gone.get();
  EXPECT_EQ(gone.kind, Gone::Kind::kDied);
  EXPECT_NE(gone.error.message.find("signal 9"), std::string::npos) << gone.error.message;
  Sink late;
  EXPECT_EQ(submit(*replica, post("x"), late), 0u);
}

TEST_F(FaultsTest, AKilledTemplateHarmsNoReplicaAndIsReplaced) {
  Observer first_observer;
  auto first = ready(spec("echo"), first_observer);
  EXPECT_TRUE(first_observer.ready.get().from_template);
  for (const int other : children_but(first->pid())) ::kill(other, SIGKILL);
  EXPECT_EQ(ask(*first, post("alive")).body, "alive");
  Observer second_observer;
  auto second = ready(spec("echo"), second_observer);
  EXPECT_EQ(ask(*second, post("too")).body, "too");
  Observer third_observer;
  auto third = ready(spec("echo"), third_observer);
  EXPECT_TRUE(third_observer.ready.get().from_template);
  stop(*first, first_observer);
  stop(*second, second_observer);
  stop(*third, third_observer);
}

// The sandbox hides where the rings lie; the host must not depend on that.
class UnconfinedTest : public FaultsTest {
 protected:
  UnconfinedTest() : FaultsTest(false) {}
};

TEST_F(UnconfinedTest, AWorkerThatScribblesOverTheRingsIsEnded) {
  Observer other_observer;
  auto other = ready(spec("echo"), other_observer);
  Observer observer;
  auto replica = ready(sinner("ring_lie"), observer);
  Sink sink;
  ASSERT_NE(submit(*replica, post("x"), sink), 0u);
  sink.answer.get();  // its own ring may have been whole still
  const Gone gone = observer.gone.get();
  EXPECT_EQ(gone.kind, Gone::Kind::kProtocol);
  EXPECT_NE(gone.error.message.find("'faulty'"), std::string::npos) << gone.error.message;
  EXPECT_EQ(ask(*other, post("unharmed")).body, "unharmed");
  stop(*other, other_observer);
}

TEST_F(FaultsTest, ThousandLaunchesLeakNothing) {
  Observer warm;
  auto one = ready(spec("echo"), warm);
  stop(*one, warm);
#ifdef TENON_SANITIZED
  constexpr int kRounds = 40;
#else
  constexpr int kRounds = 1000;
#endif
  const std::size_t before = open_descriptors();
  const std::size_t children = children_but(0).size();
  for (int i = 0; i < kRounds; ++i) {
    Observer observer;
    auto replica = ready(spec("echo"), observer);
    on_control([&] { replica->stop(milliseconds(0)); });
    ASSERT_EQ(observer.gone.get().kind, Gone::Kind::kStopped);
  }
  on_loop(0, [] {});
  on_loop(1, [] {});
  on_control([] {});
  EXPECT_LE(open_descriptors(), before + 4);
  EXPECT_LE(children_but(0).size(), children + 1);  // the last may wait to be reaped
}

}  // namespace
}  // namespace tenon::workers
