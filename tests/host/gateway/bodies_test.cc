// Bodies of any size, which the gateway holds a part of only.

#include <fstream>
#include <thread>

#include "tests/host/gateway/exchange_fixture.h"

namespace tenon::testing {
namespace {

TEST_F(ExchangeTest, BodiesAroundTheWindowArriveWhole) {
  serve();
  RawClient client = connect();
  for (const std::size_t size :
       {0, 1, 2047, 2048, 2049, 65'535, 65'536, 262'143, 262'144, 262'145, 300'000, 1'000'000}) {
    const std::string body = numbered(size);
    std::thread sender([&] { client.send(post("/default/models/echo", body)); });
    auto answer = client.receive();
    sender.join();
    ASSERT_TRUE(answer) << size;
    EXPECT_TRUE(answer->body == body) << size;
    for (const std::size_t piece : {1'000, 70'000, 400'000}) {
      std::thread chunks([&] {
        client.send(
            "POST /default/models/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
            "chunked\r\n\r\n" +
            chunked(body, piece));
      });
      answer = client.receive();
      chunks.join();
      ASSERT_TRUE(answer) << size << " in pieces of " << piece;
      EXPECT_TRUE(answer->body == body) << size << " in pieces of " << piece;
    }
  }
}

std::uint64_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, pages = 0;
  statm >> total >> pages;
  return pages * 4096;
}

TEST_F(ExchangeTest, ALargeUploadToASlowReplicaIsNotHeld) {
  Script slow;
  slow.echo = false;
  slow.consume_per_turn = 100'000;
  dispatcher_.add("slow", slow);
  serve();
  RawClient client = connect();
  const std::string piece = numbered(1 << 20);
  std::uint64_t hash = 0;
  const std::uint64_t before = resident();
  std::uint64_t most = before;
  client.send("POST /default/models/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
              std::to_string(64 * piece.size()) + "\r\n\r\n");
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(client.send(piece));
    hash = hash_bytes(hash, piece);
    most = std::max(most, resident());
  }
  EXPECT_EQ(client.receive()->status, 200);
  EXPECT_EQ(dispatcher_.last().body_bytes, 64 * piece.size());
  EXPECT_EQ(dispatcher_.last().body_hash, hash);
  EXPECT_LE(dispatcher_.most_unconsumed(), workers::kUploadWindow);
#ifndef TENON_SANITIZED
  EXPECT_LT(most - before, 8u << 20);
#endif
}

TEST_F(ExchangeTest, ALargeDownloadToASlowClientIsNotHeld) {
  dispatcher_.add("long", streams(64 << 20));
  serve();
  RawClient client = connect(65'536);
  client.send(get("/default/models/long"));
  ASSERT_TRUE(eventually([&] { return dispatcher_.most_ungranted() >= workers::kUploadWindow; }));
  std::this_thread::sleep_for(milliseconds(50));  // it would go on if nothing stopped it
  EXPECT_LE(dispatcher_.most_ungranted(), 262'144u);
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body.size(), 64u << 20);
  EXPECT_LE(dispatcher_.most_ungranted(), 262'144u);
  EXPECT_EQ(client.ask(get("/healthz"))->status, 200);
}

TEST_F(ExchangeTest, AnEarlyAnswerEndsALargeUpload) {
  Script early;
  early.echo = false;
  early.body = "no";
  early.status = 422;
  early.answer_early = true;
  dispatcher_.add("early", early);
  serve();
  RawClient client = connect();
  client.send(
      "POST /default/models/early HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
      "67108864\r\n\r\nsome");
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 422);
  EXPECT_EQ(answer->header("connection"), "close");
}

TEST_F(ExchangeTest, ASmallBodyOfARefusedRequestIsThrownAway) {
  serve();
  RawClient client = connect();
  client.send(
      "POST /default/models/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n\r\n");
  EXPECT_EQ(client.receive()->status, 404);
  client.send(std::string(50'000, 'a'));
  EXPECT_EQ(client.ask(get("/healthz"))->body, "ok\n");
}

}  // namespace
}  // namespace tenon::testing
