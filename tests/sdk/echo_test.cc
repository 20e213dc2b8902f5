// The sample plugin as it is built, through the same rules as any other.

#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstdlib>

#include "sdk/validator/fake_host.h"

namespace tenon::validator {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const tenon_plugin_descriptor* echo() {
  static void* const library =
      dlopen((std::string(std::getenv("TENON_BUILD_DIR")) + "/plugins/echo/tenon_echo.so").c_str(),
             RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(dlerror());
  return reinterpret_cast<decltype(&tenon_plugin_v1)>(dlsym(library, "tenon_plugin_v1"))();
}

class Echo : public testing::Test {
 protected:
  void start(const Pairs& options = {}) {
    const auto failed = host.start({.options = options});
    ASSERT_FALSE(failed) << failed.message;
  }
  ~Echo() override {
    host.stop();
    EXPECT_THAT(host.violations(), IsEmpty());
  }
  FakeHost host{echo()};
};

TEST_F(Echo, AnswersWithTheBody) {
  start({{"prefix", "> "}});
  const auto answer =
      host.wait(host.submit({.headers = {{"content-type", "text/plain"}}, .body = "hi"}));
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.header("content-type"), "text/plain");
  EXPECT_EQ(answer.body, "> hi");
  EXPECT_EQ(host.wait(host.submit({.method = "GET", .path = "/health"})).body, "");
}

TEST_F(Echo, DoesAsTheQuerySays) {
  start();
  EXPECT_EQ(host.wait(host.submit({.query = "status=418&burn_bytes=100000"})).status, 418u);
  EXPECT_EQ(host.wait(host.submit({.query = "status=99"})).status, 400u);
  EXPECT_EQ(host.wait(host.submit({.query = "sleep_ms=x"})).status, 400u);
  EXPECT_EQ(host.wait(host.submit({.query = "sleep_ms=5", .body = "late"})).body, "late");
}

TEST_F(Echo, SaysWhatItUsed) {
  start({{"tokens", "10"}});
  const auto plain = host.wait(host.submit({.body = "hi"}));
  EXPECT_EQ(plain.input_tokens, 10u);
  const auto asked = host.wait(host.submit({.query = "input_tokens=3&output_tokens=4"}));
  EXPECT_EQ(asked.input_tokens, 13u);
  EXPECT_EQ(asked.output_tokens, 4u);
}

TEST_F(Echo, StreamsInParts) {
  start();
  const auto chunks = host.wait(host.submit({.query = "stream=3", .body = "abcdef"}));
  EXPECT_THAT(chunks.parts, testing::ElementsAre("ab", "cd", "ef"));
  const auto events = host.wait(host.submit({.query = "stream=2&sse=1", .body = "abcd"}));
  EXPECT_EQ(events.body, "data: ab\n\ndata: cd\n\ndata: [DONE]\n\n");
}

TEST_F(Echo, AStreamWaitsForItsReader) {
  start();
  const auto id = host.submit({.query = "stream=4", .body = "abcdefgh", .credit = 1});
  for (std::size_t sent = 1; sent <= 8; ++sent) {
    EXPECT_EQ(host.wait_body(id, sent).body.size(), sent);
    host.credit(id, 1);
  }
  EXPECT_EQ(host.wait(id).body, "abcdefgh");
}

TEST_F(Echo, StopsAtOnceWhenCancelled) {
  start();
  for (const char* query : {"sleep_ms=600000", "stream=10&sleep_ms=600000"}) {
    const auto id = host.submit({.query = query, .body = "0123456789"});
    host.cancel(id);
    ASSERT_TRUE(host.wait(id).error) << query;
    EXPECT_EQ(host.wait(id).error->first, TENON_CANCELLED);
  }
}

TEST_F(Echo, UnloadEndsWhatSleeps) {
  start();
  const auto id = host.submit({.query = "sleep_ms=600000"});
  host.unload();
  ASSERT_TRUE(host.answer(id).error);
  EXPECT_EQ(host.answer(id).error->first, TENON_UNAVAILABLE);
}

TEST_F(Echo, RefusesWrongOptions) {
  const auto failed = host.start({.options = {{"delayMs", "-1"}}});
  EXPECT_EQ(failed.code, TENON_INVALID);
  EXPECT_THAT(failed.message, HasSubstr("\"delayMs\" is \"-1\""));
}

}  // namespace
}  // namespace tenon::validator
