// plugin.hpp against a host that holds a plugin against the rules: what an author cannot get wrong.

#include "tenon/plugin.hpp"

#include <gmock/gmock.h>

#include <cstring>
#include <functional>
#include <thread>

#include "sdk/validator/fake_host.h"

namespace tenon::sdk {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using validator::FakeHost;
using validator::FakeRequest;

using Handler = std::function<void(Request, Reply)>;

// What the next plugin does; a test sets it before it starts a host.
struct Script {
  Handler handle = [](Request, Reply reply) { reply.send(200, {}, "ok"); };
  std::function<void()> at_load = [] {};
  std::function<void()> at_unload = [] {};
  std::function<void(const Load&)> loading = [](const Load&) {};
  bool room = true;
};
Script script;

template <bool kStreams>
class Scripted {
 public:
  static constexpr std::string_view kId = "scripted", kVersion = "1.0.0";
  struct Prepared {};
  struct Instance {
    static constexpr bool kStreamsBodies = kStreams;
    static constexpr std::uint64_t kMaxBody = 1000;
    ~Instance() { script.at_unload(); }
    bool has_room() const { return script.room; }
    void handle(Request request, Reply reply) {
      script.handle(std::move(request), std::move(reply));
    }
  };
  explicit Scripted(Host) {}
  Result<Probe> probe(const Model& model) {
    return Probe{50, "it has " + std::to_string(model.options.size()) + " options"};
  }
  Result<Estimate> estimate(const Model&) { throw std::runtime_error("no idea"); }
  Result<std::unique_ptr<Prepared>> prepare(const Model& model) {
    Options options(model);
    options.integer("count", 1, 1, 9);
    options.number("rate", 0.5, 0, 1);
    options.boolean("flag", false);
    options.choice("mode", 1, {{"fast", 1}, {"safe", 2}});
    if (auto read = options.finish(); !read) return read.failure();
    return std::make_unique<Prepared>();
  }
  Result<std::unique_ptr<Instance>> load(Prepared&, const Load& load) {
    script.at_load();
    script.loading(load);
    if (load.cancelled()) return fail(TENON_CANCELLED, "given up");
    return std::make_unique<Instance>();
  }
};

class PluginHpp : public testing::Test {
 protected:
  PluginHpp() { script = Script(); }
  ~PluginHpp() override {
    host.stop();
    EXPECT_THAT(host.violations(), IsEmpty());
    script = Script();
  }
  void start(Handler handle) {
    script.handle = std::move(handle);
    const auto failed = host.start();
    ASSERT_FALSE(failed) << failed.message;
  }
  std::string prepare_with(const std::string& name, const std::string& value) {
    FakeHost other(&detail::Bridge<Scripted<false>>::kDescriptor);
    const auto failed = other.start({.options = {{name, value}}});
    return failed ? failed.message : "fine";
  }

  FakeHost host{&detail::Bridge<Scripted<false>>::kDescriptor};
};

TEST_F(PluginHpp, AnswersInOneMessage) {
  start([](Request request, Reply reply) {
    EXPECT_EQ(request.method(), "POST");
    EXPECT_EQ(request.path(), "/embed");
    EXPECT_EQ(request.header("x-a"), "1");
    EXPECT_FALSE(request.header("x-b"));
    EXPECT_EQ(request.parameter("q"), "a b&");
    EXPECT_EQ(request.parameter("empty"), "");
    EXPECT_FALSE(request.parameter("none"));
    reply.usage(3, 4);
    reply.send(201, {{"content-type", "text/plain"}}, request.body());
    EXPECT_FALSE(reply);
  });
  const auto answer = host.wait(host.submit({.path = "/embed",
                                             .query = "q=a+b%26&empty",
                                             .headers = {{"x-a", "1"}, {"x-a", "2"}},
                                             .body = "hello"}));
  EXPECT_EQ(answer.status, 201u);
  EXPECT_EQ(answer.header("content-type"), "text/plain");
  EXPECT_THAT(answer.parts, ElementsAre("hello"));
  EXPECT_EQ(answer.input_tokens, 3u);
  EXPECT_EQ(answer.output_tokens, 4u);
}

TEST_F(PluginHpp, EmptyBodiesAreFine) {
  start([](Request, Reply reply) { reply.send(204, {}, ""); });
  const auto answer = host.wait(host.submit({.credit = 0}));
  EXPECT_EQ(answer.status, 204u);
  EXPECT_TRUE(answer.final);
}

TEST_F(PluginHpp, AnExceptionBecomesAnError) {
  start([](Request, Reply) { throw std::runtime_error("broken weights"); });
  const auto answer = host.wait(host.submit({}));
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->first, TENON_INTERNAL);
  EXPECT_THAT(answer.error->second, HasSubstr("broken weights"));
  EXPECT_THAT(host.log(), Contains(HasSubstr("broken weights")));
}

TEST_F(PluginHpp, AnExceptionAfterTheAnswerHarmsNothing) {
  start([](Request, Reply reply) {
    reply.send(200, {}, "done");
    throw 7;
  });
  EXPECT_EQ(host.wait(host.submit({})).status, 200u);
  EXPECT_EQ(host.wait(host.submit({})).status, 200u);
}

TEST_F(PluginHpp, AReplyThatIsDroppedSaysSo) {
  start([](Request, Reply) {});
  const auto answer = host.wait(host.submit({}));
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->first, TENON_INTERNAL);
  EXPECT_THAT(answer.error->second, HasSubstr("unanswered"));
}

TEST_F(PluginHpp, AMegabyteGoesOutInPiecesOfTheCredit) {
  std::string large(1 << 20, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31);
  start([&](Request, Reply reply) { reply.send(200, {}, std::string(large)); });
  const auto id = host.submit({.credit = 4096});
  std::size_t pieces = 1;
  for (std::size_t got = 4096; got < large.size(); got += 4096, ++pieces) {
    ASSERT_EQ(host.wait_body(id, got).body.size(), got);
    ASSERT_FALSE(host.answer(id).final);
    host.credit(id, 4096);
  }
  const auto answer = host.wait(id);
  EXPECT_TRUE(answer.body == large);
  EXPECT_EQ(answer.parts.size(), pieces);
}

TEST_F(PluginHpp, ABorrowedBodyOutlivesItsOwnerWhenItMustWait) {
  start([](Request, Reply reply) {
    const std::string local(3000, 'x');
    reply.send(200, {}, std::string_view(local));
  });
  const auto id = host.submit({.credit = 0});
  EXPECT_EQ(host.answer(id).status, 200u);
  host.credit(id, 10'000);
  EXPECT_EQ(host.wait(id).body, std::string(3000, 'x'));
}

TEST_F(PluginHpp, CreditFromManyThreadsLosesNothing) {
  start([](Request, Reply reply) { reply.send(200, {}, std::string(4000, 'y')); });
  const auto id = host.submit({.credit = 0});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) host.credit(id, 1);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(host.wait(id).body, std::string(4000, 'y'));
}

TEST_F(PluginHpp, AStreamKeepsItsOrderAndWaitsForRoom) {
  std::thread writer;
  start([&](Request, Reply reply) {
    writer = std::thread([reply = std::move(reply)]() mutable {
      reply.begin(200, {{"content-type", "text/plain"}});
      for (int i = 0; i < 100; ++i) {
        if (!reply.write(std::to_string(i) + ",")) reply.wait();
      }
      reply.end("end");
    });
  });
  const auto id = host.submit({.credit = 3});
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += std::to_string(i) + ",";
  expected += "end";
  for (std::size_t i = 0; i < expected.size(); ++i) host.credit(id, 1);
  EXPECT_EQ(host.wait(id).body, expected);
  writer.join();
}

TEST_F(PluginHpp, RoomIsAnnouncedOnceForEachFullWrite) {
  std::optional<Reply> held;
  int calls = 0;
  start([&](Request, Reply reply) {
    held.emplace(std::move(reply));
    held->on_room([&] { ++calls; });
    held->begin(200, {});
    EXPECT_TRUE(held->write("abc"));
    EXPECT_FALSE(held->write("defg"));
  });
  const auto id = host.submit({.credit = 3});
  host.credit(id, 2);
  EXPECT_EQ(calls, 0);
  host.credit(id, 5);
  EXPECT_EQ(calls, 1);
  host.credit(id, 5);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(held->write("hi"));
  held->end();
  EXPECT_EQ(host.wait(id).body, "abcdefghi");
}

TEST_F(PluginHpp, ACancelledRequestEndsOnceAndSaysSo) {
  std::optional<Reply> held;
  int calls = 0;
  start([&](Request, Reply reply) {
    held.emplace(std::move(reply));
    held->on_cancel([&] { ++calls; });
    EXPECT_FALSE(held->cancelled());
  });
  const auto id = host.submit({});
  host.set_cancel_word(id);
  EXPECT_TRUE(held->cancelled());
  host.cancel(id);
  host.cancel(id);
  EXPECT_EQ(calls, 1);
  held->send(200, {}, "too late");
  const auto answer = host.wait(id);
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->first, TENON_CANCELLED);
  host.cancel(id);  // also comes for requests already answered
}

TEST_F(PluginHpp, CancellingFreesWhatWaitsForCredit) {
  start([](Request, Reply reply) { reply.send(200, {}, std::string(500, 'z')); });
  const auto id = host.submit({.credit = 10});
  host.cancel(id);
  const auto answer = host.wait(id);
  EXPECT_EQ(answer.body.size(), 10u);
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->first, TENON_CANCELLED);
}

TEST_F(PluginHpp, CancellingWakesAWriterThatWaits) {
  std::thread writer;
  bool waited = true;
  start([&](Request, Reply reply) {
    writer = std::thread([&, reply = std::move(reply)]() mutable {
      reply.begin(200, {});
      reply.write(std::string(100, 'x'));
      waited = reply.wait();
    });
  });
  const auto id = host.submit({.credit = 1});
  host.wait_body(id, 1);
  host.cancel(id);
  writer.join();
  EXPECT_FALSE(waited);
  EXPECT_TRUE(host.wait(id).error);
}

TEST_F(PluginHpp, ServerSentEvents) {
  start([](Request, Reply reply) {
    Sse sse(std::move(reply), {{"x-model", "m"}});
    sse.event("{\"a\":1}");
    sse.keep_alive();
    sse.event("two\nlines");
    sse.done();
  });
  const auto answer = host.wait(host.submit({}));
  EXPECT_EQ(answer.header("content-type"), "text/event-stream");
  EXPECT_EQ(answer.header("x-model"), "m");
  EXPECT_EQ(answer.body, "data: {\"a\":1}\n\n:\n\ndata: two\ndata: lines\n\ndata: [DONE]\n\n");
}

TEST_F(PluginHpp, BodiesAreGatheredAndGivenBack) {
  start([](Request request, Reply reply) { reply.send(200, {}, request.body()); });
  const auto id = host.submit({.body = "ab", .body_complete = false});
  host.body(id, "cd", false);
  EXPECT_EQ(host.answer(id).consumed, 4u);
  EXPECT_FALSE(host.answer(id).final);
  host.body(id, "ef", true);
  EXPECT_EQ(host.wait(id).body, "abcdef");
}

TEST_F(PluginHpp, BodiesAreLimited) {
  start([](Request, Reply reply) { reply.send(200, {}, "taken"); });
  EXPECT_EQ(host.wait(host.submit({.body = std::string(1000, 'x')})).status, 200u);
  EXPECT_EQ(host.wait(host.submit({.body = std::string(1001, 'x')})).status, 413u);
  const auto id = host.submit({.body = std::string(900, 'x'), .body_complete = false});
  host.body(id, std::string(101, 'x'), false);
  EXPECT_EQ(host.wait(id).status, 413u);
  host.body(id, "late", true);
}

TEST_F(PluginHpp, WithoutRoomRequestsStayWithTheHost) {
  start([](Request, Reply reply) { reply.send(200, {}, "ok"); });
  script.room = false;
  EXPECT_EQ(host.submit({}), 0u);
  script.room = true;
  EXPECT_NE(host.submit({}), 0u);
}

TEST_F(PluginHpp, UnloadEndsWhatIsOpen) {
  std::vector<Reply> held;
  start([&](Request, Reply reply) { held.push_back(std::move(reply)); });
  const auto dropped = host.submit({}), kept = host.submit({});
  script.at_unload = [&] { held.erase(held.begin()); };
  host.unload();
  for (const auto id : {dropped, kept}) {
    ASSERT_TRUE(host.answer(id).error);
    EXPECT_EQ(host.answer(id).error->first, TENON_UNAVAILABLE);
  }
  held.front().send(200, {}, "after the end");  // goes nowhere, breaks nothing
}

TEST_F(PluginHpp, DrainWaitsForTheLastAnswer) {
  std::optional<Reply> held;
  start([&](Request, Reply reply) { held.emplace(std::move(reply)); });
  host.submit({});
  EXPECT_EQ(host.drain(0), TENON_DEADLINE);
  std::thread answering([&] { std::exchange(held, std::nullopt)->send(200, {}, "x"); });
  EXPECT_EQ(host.drain(UINT64_MAX), TENON_OK);
  answering.join();
}

TEST_F(PluginHpp, ARefusedAnswerBecomesAnError) {
  start([](Request, Reply reply) { reply.send(200, {}, "x"); });
  host.refuse_with(TENON_INVALID);
  const auto answer = host.wait(host.submit({}));
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->first, TENON_INTERNAL);
}

TEST_F(PluginHpp, TwoHeadsAreOneError) {
  start([](Request, Reply reply) {
    reply.begin(200, {});
    reply.begin(200, {});
  });
  const auto answer = host.wait(host.submit({}));
  ASSERT_TRUE(answer.error);
  EXPECT_THAT(answer.error->second, HasSubstr("begun twice"));
}

TEST_F(PluginHpp, LifeIsGuarded) {
  ASSERT_FALSE(host.create());
  tenon_probe probe;
  ASSERT_FALSE(host.probe({.options = {{"a", "b"}}}, probe));
  EXPECT_EQ(probe.score, 50u);
  EXPECT_EQ(std::string(probe.reason, probe.reason_size), "it has 1 options");
  tenon_estimate estimate;
  const auto failed = host.estimate({}, estimate);
  EXPECT_EQ(failed.code, TENON_INTERNAL);
  EXPECT_EQ(failed.message, "exception in estimate: no idea");
  ASSERT_FALSE(host.prepare({}));
  script.at_load = [] { throw std::bad_alloc(); };
  EXPECT_EQ(host.load().code, TENON_EXHAUSTED);
  script.at_load = [] {};
  const std::uint32_t cancel = 1;
  EXPECT_EQ(host.load(1, &cancel).code, TENON_CANCELLED);
  EXPECT_FALSE(host.load());
}

TEST_F(PluginHpp, TheHostsServices) {
  host.set_env("KEY", "value");
  Metric counter;
  script.loading = [&](const Load& load) {
    EXPECT_EQ(load.host.env("KEY"), "value");
    EXPECT_FALSE(load.host.env("NONE"));
    EXPECT_EQ(load.lease.threads, 1u);
    load.host.progress(0.5, "map");
    load.host.memory(TENON_MEMORY_HOST, 77);
    EXPECT_FALSE(load.host.cache().open("packed"));
    counter = load.host.counter("tokens_total", "Tokens");
    load.fault()(fail(TENON_INTERNAL, "worn out"));
  };
  start([&](Request, Reply reply) {
    counter.record(2);
    reply.send(200, {}, "");
  });
  host.wait(host.submit({}));
  EXPECT_THAT(host.progress(), ElementsAre("map"));
  EXPECT_EQ(host.memory(), 77u);
  EXPECT_EQ(host.metric("tokens_total"), 2);
  EXPECT_EQ(host.fault(), "worn out");
}

TEST_F(PluginHpp, OptionsAreTyped) {
  EXPECT_EQ(prepare_with("count", "9"), "fine");
  EXPECT_EQ(prepare_with("count", "10"),
            "option \"count\" is \"10\", expected a whole number ≥ 1 ≤ 9");
  EXPECT_THAT(prepare_with("count", "3x"), HasSubstr("expected a whole number"));
  EXPECT_THAT(prepare_with("rate", "nan"), HasSubstr("expected a number"));
  EXPECT_EQ(prepare_with("rate", "1e-1"), "fine");
  EXPECT_THAT(prepare_with("flag", "yes"), HasSubstr("one of \"true\", \"false\""));
  EXPECT_THAT(prepare_with("mode", "slow"), HasSubstr("one of \"fast\", \"safe\""));
  EXPECT_THAT(prepare_with("cuont", "1"), HasSubstr("\"cuont\" is not known"));
}

TEST(PluginHppStreams, BodiesComeInParts) {
  script = Script();
  std::string parts;
  script.handle = [&](Request request, Reply reply) {
    parts += std::string(request.body()) + "|";
    request.consume(request.body().size());
    auto held = std::make_shared<Reply>(std::move(reply));
    request.on_body([&parts, request, held](std::string_view part, bool last) {
      parts += std::string(part) + "|";
      request.consume(part.size());
      if (last) held->send(200, {}, parts);
    });
  };
  FakeHost host(&detail::Bridge<Scripted<true>>::kDescriptor);
  ASSERT_FALSE(host.start());
  const auto id = host.submit({.body = "one", .body_complete = false});
  host.body(id, "two", false);
  EXPECT_EQ(host.answer(id).consumed, 6u);
  host.body(id, "three", true);
  EXPECT_EQ(host.wait(id).body, "one|two|three|");
  host.stop();
  EXPECT_THAT(host.violations(), IsEmpty());
  script = Script();
}

// ---- versions ----

TEST(Versions, AnOlderHostIsRefusedAndANewerOneServed) {
  FakeHost older(&detail::Bridge<Scripted<false>>::kDescriptor, sizeof(tenon_host_api) - 8);
  EXPECT_EQ(older.create().code, TENON_PRECONDITION);
  FakeHost newer(&detail::Bridge<Scripted<false>>::kDescriptor, sizeof(tenon_host_api) + 64);
  EXPECT_FALSE(newer.start());
}

// Structs of exactly the size that they say: a byte beyond it is an error under ASan.
std::vector<unsigned char> truncated(std::uint32_t size) {
  std::vector<unsigned char> bytes(size, 0xFF);
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes;
}

TEST(Versions, AShorterStructIsFilledNoFurther) {
  auto theirs = truncated(offsetof(tenon_estimate, device_bytes));
  tenon_estimate mine{};
  mine.threads = 3;
  mine.mapped_bytes = 8;
  mine.device_bytes = 9;
  detail::hand_out(mine, reinterpret_cast<tenon_estimate*>(theirs.data()));
  tenon_estimate read{};
  std::memcpy(&read, theirs.data(), theirs.size());
  EXPECT_EQ(read.struct_size, theirs.size());
  EXPECT_EQ(read.threads, 3u);
  EXPECT_EQ(read.mapped_bytes, 8u);
}

TEST(Versions, AShorterStructReadsAsZeroBehindItsEnd) {
  const auto theirs = truncated(offsetof(tenon_lease, devices));
  const auto mine = detail::adopt(reinterpret_cast<const tenon_lease*>(theirs.data()));
  EXPECT_EQ(mine.struct_size, sizeof(tenon_lease));
  EXPECT_EQ(mine.threads, 0xFFFFFFFFu);
  EXPECT_EQ(mine.devices, nullptr);
  EXPECT_EQ(mine.n_devices, 0u);
}

TEST(Versions, LongMessagesAreCutBetweenCharacters) {
  std::string text(495, 'a');
  text += "é and more";
  const tenon_error error = detail::to_error(fail(TENON_INTERNAL, text));
  EXPECT_EQ(error.message_size, 495u);
}

}  // namespace
}  // namespace tenon::sdk
