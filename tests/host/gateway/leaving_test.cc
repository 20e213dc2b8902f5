// Clients that go away, and the end of the gateway.

#include <thread>

#include "tests/host/gateway/exchange_fixture.h"

namespace tenon::testing {
namespace {

class GoneTest : public ExchangeTest, public ::testing::WithParamInterface<bool> {
 protected:
  GoneTest() {
    Script never;
    never.answer = false;
    dispatcher_.add("never", never);
    never.consume = false;
    dispatcher_.add("stuck", never);
    dispatcher_.add("long", streams(1ULL << 40));
  }
  void leave(RawClient& client) { GetParam() ? client.reset() : client.close(); }
};

TEST_P(GoneTest, BeforeItsRequestIsWhole) {
  serve();
  RawClient client = connect();
  client.send(
      "POST /default/models/never HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nha");
  leave(client);
  EXPECT_TRUE(eventually([&] { return open_connections() == 0; }));
  EXPECT_EQ(dispatcher_.last().method, "");
}

TEST_P(GoneTest, WhileItsRequestWaits) {
  serve();
  RawClient client = connect();
  client.send(post("/default/models/never", "x"));
  ASSERT_TRUE(eventually([&] { return dispatcher_.running() == 1; }));
  leave(client);
  EXPECT_TRUE(eventually([&] { return dispatcher_.abandoned() == 1; }));
  EXPECT_TRUE(eventually([&] { return dispatcher_.running() == 0 && open_connections() == 0; }));
}

TEST_P(GoneTest, WithMoreRequestsBehind) {
  serve();
  RawClient client = connect();
  client.send(post("/default/models/never", "x") + post("/default/models/echo", "y"));
  ASSERT_TRUE(eventually([&] { return dispatcher_.running() == 1; }));
  leave(client);
  EXPECT_TRUE(eventually([&] { return dispatcher_.abandoned() == 1; }));
}

TEST_P(GoneTest, DuringAnUploadThatIsStuck) {
  spec_.limits.io_timeout = milliseconds(500);  // how often such connections are looked at
  serve();
  RawClient client = connect();
  client.send(
      "POST /default/models/stuck HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n" +
      std::string(340'000, 'a'));
  ASSERT_TRUE(eventually([&] { return dispatcher_.running() == 1; }));
  leave(client);
  EXPECT_TRUE(eventually([&] { return dispatcher_.abandoned() == 1; }));
}

TEST_P(GoneTest, DuringAnAnswer) {
  serve();
  RawClient client = connect();
  client.send(get("/default/models/long"));
  ASSERT_FALSE(client.read_some().empty());
  leave(client);
  EXPECT_TRUE(eventually([&] { return dispatcher_.abandoned() == 1; }));
  EXPECT_TRUE(eventually([&] { return dispatcher_.running() == 0; }));
}

TEST_P(GoneTest, AfterTheAnswer) {
  serve();
  RawClient client = connect();
  EXPECT_EQ(client.ask(post("/default/models/echo", "x"))->status, 200);
  leave(client);
  EXPECT_TRUE(eventually([&] { return open_connections() == 0; }));
  EXPECT_EQ(dispatcher_.abandoned(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Ways, GoneTest, ::testing::Bool(),
                         [](const auto& way) { return way.param ? "by_reset" : "in_order"; });

// ---- the end

class DrainTest : public ExchangeTest {
 protected:
  std::atomic<bool> drained_{false};
  void drain() {
    gateway_->drain([this] { drained_ = true; });
  }
};

TEST_F(DrainTest, WhatRunsIsFinished) {
  dispatcher_.add("long", streams(8 << 20));
  serve();
  RawClient idle = connect(), busy = connect(4096);
  EXPECT_EQ(idle.ask(get("/healthz"))->status, 200);
  busy.send(get("/default/models/long"));
  ASSERT_TRUE(eventually([&] { return dispatcher_.running() == 1; }));
  drain();
  EXPECT_TRUE(idle.at_end());
  EXPECT_FALSE(drained_);
  EXPECT_EQ(busy.receive()->body.size(), 8u << 20);
  EXPECT_TRUE(busy.at_end());
  busy.close();
  EXPECT_TRUE(eventually([&] { return drained_.load(); }));
  EXPECT_FALSE(connect().send(get("/healthz")) && connect().receive());
}

TEST_F(DrainTest, WithoutConnectionsItIsOverAtOnce) {
  serve();
  drain();
  EXPECT_TRUE(eventually([&] { return drained_.load(); }));
}

TEST_F(DrainTest, ItDoesNotWaitForever) {
  spec_.limits.drain = milliseconds(100);
  Script never;
  never.answer = false;
  dispatcher_.add("never", never);
  serve();
  RawClient client = connect();
  client.send(post("/default/models/never", "x"));
  ASSERT_TRUE(eventually([&] { return dispatcher_.running() == 1; }));
  drain();
  EXPECT_TRUE(eventually([&] { return drained_.load(); }));
  EXPECT_EQ(dispatcher_.abandoned(), 1u);
  EXPECT_TRUE(client.at_end());
}

TEST_F(DrainTest, StopEndsWhatRuns) {
  dispatcher_.add("long", streams(1ULL << 40));
  serve();
  RawClient client = connect();
  client.send(get("/default/models/long"));
  ASSERT_FALSE(client.read_some().empty());
  drain();
  gateway_->stop();
  EXPECT_TRUE(eventually([&] { return drained_.load(); }));
}

TEST_F(DrainTest, UnderLoadEveryAnswerThatBeginsIsWhole) {
  serve();
  std::atomic<unsigned> answered{0}, broken{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      RawClient client = connect();
      for (int n = 0;; ++n) {
        const std::string body = std::to_string(i) + ":" + std::to_string(n);
        if (!client.send(post("/default/models/echo", body))) return;
        const auto answer = client.receive();
        if (!answer) return;
        ++(answer->status == 200 && answer->body == body ? answered : broken);
      }
    });
  }
  ASSERT_TRUE(eventually([&] { return answered > 500; }));
  drain();
  EXPECT_TRUE(eventually([&] { return drained_.load(); }));
  for (auto& client : clients) client.join();
  EXPECT_EQ(broken, 0u);
  EXPECT_EQ(open_connections(), 0);
}

}  // namespace
}  // namespace tenon::testing
