// The hop as a whole with the echo sample behind it, once in a worker and once inside the host:
// whoever asks must not see the difference.
#include <unistd.h>

#include <csignal>
#include <set>

#include "tests/host/workers/fixture.h"

namespace tenon::workers {
namespace {

class EchoTest : public WorkersTest, public testing::WithParamInterface<Isolation> {
 protected:
  ReplicaSpec echo() const {
    ReplicaSpec out = spec("echo");
    out.isolation = GetParam();
    return out;
  }
};

TEST_P(EchoTest, AnswersWhatItWasAskedOnEachLoop) {
  Observer observer;
  auto replica = ready(echo(), observer);
  for (unsigned loop = 0; loop < 2; ++loop) {
    const Answer answer = ask(*replica, post("hello", "", loop));
    EXPECT_EQ(answer.status, 200u);
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.messages, 1u);
    EXPECT_FALSE(answer.failure);
  }
  stop(*replica, observer);
  EXPECT_EQ(observer.gone.get().kind, Gone::Kind::kStopped);
}

TEST_P(EchoTest, ManyRequestsAtOnceGetTheirOwnAnswers) {
  Observer observer;
  auto replica = ready(echo(), observer);
  std::vector<std::unique_ptr<Sink>> sinks;
  for (int i = 0; i < 2000; ++i) {
    sinks.push_back(std::make_unique<Sink>());
    ASSERT_NE(submit(*replica, post("request " + std::to_string(i), "", i % 2), *sinks.back()), 0u);
  }
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(sinks[i]->answer.get().body, "request " + std::to_string(i));
  }
  stop(*replica, observer);
}

TEST_P(EchoTest, AStreamWaitsForCredit) {
  Observer observer;
  auto replica = ready(echo(), observer);
  Sink sink;
  Call call = post(std::string(1000, 'x'), "stream=10");
  call.credit = 250;
  const RequestId id = submit(*replica, call, sink);
  ASSERT_NE(id, 0u);
  Sink other;  // while that one waits, others are served
  ASSERT_NE(submit(*replica, post("y", "sleep_ms=50"), other), 0u);
  EXPECT_EQ(other.answer.get().body, "y");
  EXPECT_FALSE(sink.answer.is_set());
  EXPECT_LE(on_loop(0, [&] { return sink.so_far.body.size(); }), 250u);
  on_loop(0, [&] { replica->grant(id, 10'000); });
  EXPECT_EQ(sink.answer.get().body.size(), 1000u);
  stop(*replica, observer);
}

TEST_P(EchoTest, ACancelledRequestStillGetsItsFinalMessage) {
  Observer observer;
  auto replica = ready(echo(), observer);
  Sink sink;
  const RequestId id = submit(*replica, post("x", "sleep_ms=600000"), sink);
  ASSERT_NE(id, 0u);
  on_loop(0, [&] { replica->cancel(id); });
  const Answer answer = sink.answer.get();
  ASSERT_TRUE(answer.failure);
  EXPECT_EQ(answer.failure->error.code, Code::kCancelled);
  stop(*replica, observer);
}

TEST_P(EchoTest, StopLetsOpenRequestsFinish) {
  Observer observer;
  auto replica = ready(echo(), observer);
  Sink sink;
  ASSERT_NE(submit(*replica, post("late", "sleep_ms=100"), sink), 0u);
  on_control([&] { replica->stop(milliseconds(30'000)); });
  Sink refused;
  EXPECT_EQ(submit(*replica, post("too late"), refused), 0u);
  EXPECT_EQ(sink.answer.get().body, "late");
  EXPECT_EQ(observer.gone.get().kind, Gone::Kind::kStopped);
}

TEST_P(EchoTest, StopEndsWhatDoesNotFinishInTime) {
  Observer observer;
  auto replica = ready(echo(), observer);
  Sink sink;
  ASSERT_NE(submit(*replica, post("never", "sleep_ms=600000"), sink), 0u);
  on_control([&] { replica->stop(milliseconds(20)); });
  EXPECT_TRUE(sink.answer.get().failure);
  EXPECT_EQ(observer.gone.get().kind, Gone::Kind::kStopped);
}

TEST_P(EchoTest, SixtyFourMegabytesPassUpAndDownInPieces) {
  Observer observer;
  auto replica = ready(echo(), observer);
  constexpr std::size_t kTotal = 64 << 20;
  Sink sink;
  sink.keep_body = false;
  std::size_t sent = 0;
  std::size_t came = 0;
  RequestId id = 0;
  bool done = false;
  const std::vector<std::byte> piece(48 * 1024, std::byte{'z'});
  std::function<void()> pump = [&] {
    while (id != 0 && !done && sent < kTotal &&
           sent - sink.consumed + piece.size() <= kUploadWindow) {
      const std::size_t n = std::min(piece.size(), kTotal - sent);
      if (!replica->send_body(id, std::span(piece).first(n), sent + n == kTotal)) return;
      sent += n;
      done = sent == kTotal;
    }
  };
  sink.on_upload = pump;
  sink.on_bytes = [&](std::string_view bytes) {
    came += bytes.size();
    replica->grant(id, bytes.size());
  };
  observer.room = pump;
  Call call;
  call.complete = false;
  call.credit = 256 * 1024;
  id = submit(*replica, call, sink);
  ASSERT_NE(id, 0u);
  on_loop(0, pump);
  const Answer answer = sink.answer.get();
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(came, kTotal);
  stop(*replica, observer);
}

TEST_P(EchoTest, ARefusedModelIsAFailedLoad) {
  Observer observer;
  ReplicaSpec wrong = echo();
  wrong.options = {{"loadMs", "soon"}};
  launch(wrong, observer);
  const Gone gone = observer.gone.get();
  EXPECT_EQ(gone.kind, Gone::Kind::kLoadFailed);
  EXPECT_EQ(gone.error.code, Code::kInvalid);
  EXPECT_NE(gone.error.message.find("loadMs"), std::string::npos) << gone.error.message;
  EXPECT_FALSE(observer.ready.is_set());
}

INSTANTIATE_TEST_SUITE_P(, EchoTest, testing::Values(Isolation::kWorker, Isolation::kHost),
                         [](const auto& it) {
                           return it.param == Isolation::kWorker ? "InAWorker" : "InTheHost";
                         });

using EstimateTest = WorkersTest;

TEST_F(EstimateTest, ComesFromAProcessThatEnds) {
  ReplicaSpec echo = spec("echo");
  echo.options = {{"burnBytes", "1000000"}};
  for (int i = 0; i < 2; ++i) {  // the second from what is known
    Eventually<std::uint64_t> bytes;
    on_control([&] {
      launcher_->estimate(
          echo, [&](Result<Estimate> estimate) { bytes.set(estimate ? estimate->host_bytes : 0); });
    });
    EXPECT_GE(bytes.get(), 1'000'000u);
  }
}

}  // namespace
}  // namespace tenon::workers
