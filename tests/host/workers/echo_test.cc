// The worker hop as a whole, with the echo sample behind it.
#include "tests/host/workers/fixture.h"

namespace tenon::workers {
namespace {

using EchoTest = WorkersTest;

TEST_F(EchoTest, AnswersWhatItWasAsked) {
  Observer observer;
  auto replica = ready(spec("echo"), observer);
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

}  // namespace
}  // namespace tenon::workers
