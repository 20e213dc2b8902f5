// What plugins say of a model's folder, from throw-away processes, and what they can do wrong
// there.
#include <unistd.h>

#include <fstream>

#include "tenon/plugin.h"
#include "tests/host/workers/fixture.h"
#include "tests/host/workers/processes.h"

namespace tenon::workers {
namespace {

class ProbeTest : public WorkersTest {
 protected:
  explicit ProbeTest(milliseconds limit = LauncherOptions().question_limit)
      : WorkersTest({}, true, limit) {}

  Result<plugins::Probe> probe(const ReplicaSpec& spec) {
    Eventually<std::optional<Result<plugins::Probe>>> answer;
    on_control([&] { launcher_->probe(spec, [&](auto said) { answer.set(std::move(said)); }); });
    return answer.get().value_or(fail(Code::kInternal, "no answer"));
  }
  std::string refusal(const ReplicaSpec& spec) {
    const auto answer = probe(spec);
    return answer ? "" : answer.error().message;
  }

  static ReplicaSpec sinner(const std::string& sin) {
    ReplicaSpec out = spec("faulty");
    out.options = {{"sin", sin}};
    return out;
  }
};

TEST_F(ProbeTest, AnswersWithScoreAndReasonAndLeavesOnlyTheTemplate) {
  const auto answer = probe(spec("prober"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->score, 1u);
  EXPECT_EQ(answer->reason, "for tests");
  const std::size_t templates = children_of(::getpid()).size();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(probe(sinner("")));
  EXPECT_LE(children_of(::getpid()).size(), templates + 2);  // the last may wait to be reaped
}

TEST_F(ProbeTest, ACrashOrAFailureIsAnErrorThatNamesThePlugin) {
  const std::string crash = refusal(sinner("abort_in_probe"));
  EXPECT_NE(crash.find("'faulty' ended during a probe"), std::string::npos) << crash;
  const std::string failure = refusal(sinner("fail_probe"));
  EXPECT_EQ(failure, "plugin 'faulty': the folder was not to its liking");
  EXPECT_NE(refusal(spec("abort-in-create")).find("abort-in-create"), std::string::npos);
  EXPECT_TRUE(probe(sinner("")));  // the plugin's other processes are as before
}

TEST_F(ProbeTest, ALieArrivesAsItWasToldAndNoLonger) {
  const auto answer = probe(sinner("lie_in_probe"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->score, 101u);
  EXPECT_LE(answer->reason.size(), sizeof(tenon_probe::reason));
}

TEST_F(ProbeTest, WhatIsKnownIsNotAskedAgainUntilTheFolderChanges) {
  const ReplicaSpec faulty = sinner("");
  const auto first = probe(faulty);  // its reason is the process that was asked
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(probe(faulty)->reason, first->reason);
  std::ofstream(faulty.model_path + "/more.json") << "{}";
  EXPECT_NE(probe(faulty)->reason, first->reason);
}

class ImpatientProbeTest : public ProbeTest {
 protected:
  ImpatientProbeTest() : ProbeTest(milliseconds(300)) {}
};

TEST_F(ImpatientProbeTest, AHangIsGivenUpAndItsProcessEnded) {
  EXPECT_EQ(refusal(sinner("hang_in_probe")),
            "plugin 'faulty' did not answer a probe within 300 ms");
}

}  // namespace
}  // namespace tenon::workers
