// Bytes that no good client sends: each is answered with a clear status and the connection ends, or
// it is served without a doubt about where it ends.

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <thread>

#include "tests/host/gateway/gateway_fixture.h"

namespace tenon::testing {
namespace {

struct Case {
  const char* name;
  std::string bytes;
  unsigned status;
};

std::vector<Case> refused_requests() {
  const std::string line = "POST /default/models/echo HTTP/1.1\r\n";
  const std::string host = "Host: localhost\r\n";
  const auto with = [&](const std::string& headers, const std::string& body = "") {
    return line + host + headers + "\r\n" + body;
  };
  using namespace std::string_literals;
  return {
      {"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no http at all\r\n\r\n"s, 400},
      {"zeros", std::string(64, '\0') + "\r\n\r\n", 400},
      {"no_version", "GET /default/models/echo\r\nHost: localhost\r\n\r\n", 400},
      {"http_2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"http_0_9_number", "GET / HTTP/0.9\r\nHost: localhost\r\n\r\n", 505},
      {"two_spaces", "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"target_with_control", "GET /a\x01z HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"relative_target", "GET models/echo HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"connect", "CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"bare_lf", "GET / HTTP/1.1\nHost: localhost\n\n", 400},
      {"bare_lf_in_head", "GET / HTTP/1.1\r\nHost: localhost\nA: b\r\n\r\n", 400},
      {"bare_cr_in_value", "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\rc\r\n\r\n", 400},
      {"nul_in_value", "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\0c\r\n\r\n"s, 400},
      {"no_colon", "GET / HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n", 400},
      {"space_before_colon", "GET / HTTP/1.1\r\nHost: localhost\r\nA : b\r\n\r\n", 400},
      {"empty_name", "GET / HTTP/1.1\r\nHost: localhost\r\n: b\r\n\r\n", 400},
      {"no_host", "GET /healthz HTTP/1.1\r\n\r\n", 400},
      {"two_hosts", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400},
      {"same_host_twice", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
       400},
      {"obs_fold", with("A: b\r\n c\r\n"), 400},
      {"obs_fold_after_empty", with("A:\r\n b\r\n"), 400},
      {"obs_fold_tab", with("A: b\r\n\tc\r\n"), 400},
      {"obs_fold_blank", with("A: b\r\n \r\n"), 400},
      {"obs_fold_transfer_encoding", with("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400},
      {"both_lengths", with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       400},
      {"both_lengths_reversed",
       with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"), 400},
      {"identity_and_length", with("Transfer-Encoding: identity\r\nContent-Length: 4\r\n", "ping"),
       400},
      {"differing_lengths", with("Content-Length: 4\r\nContent-Length: 5\r\n", "ping!"), 400},
      {"same_length_twice", with("Content-Length: 4\r\nContent-Length: 4\r\n", "ping"), 400},
      {"length_list", with("Content-Length: 4, 4\r\n", "ping"), 400},
      {"length_plus", with("Content-Length: +4\r\n", "ping"), 400},
      {"length_minus", with("Content-Length: -4\r\n", "ping"), 400},
      {"length_hex", with("Content-Length: 0x4\r\n", "ping"), 400},
      {"length_empty", with("Content-Length: \r\n", "ping"), 400},
      {"length_overflow", with("Content-Length: 18446744073709551616\r\n"), 400},
      {"length_above_limit", with("Content-Length: 18446744073709551615\r\n"), 413},
      {"te_gzip", with("Transfer-Encoding: gzip\r\n"), 400},
      {"te_list", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400},
      {"te_list_reversed", with("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), 400},
      {"te_chunked_chunked", with("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400},
      {"te_twice",
       with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"te_xchunked", with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400},
      {"te_quoted", with("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 400},
      {"te_parameter", with("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), 400},
      {"te_vertical_tab",
       with("Transfer-Encoding: \x0b"
            "chunked\r\n",
            "0\r\n\r\n"),
       400},
      {"te_in_1_0",
       "POST /default/models/echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunk_size_not_hex", with("Transfer-Encoding: chunked\r\n", "zz\r\nping\r\n0\r\n\r\n"),
       400},
      {"chunk_size_empty", with("Transfer-Encoding: chunked\r\n", "\r\nping\r\n0\r\n\r\n"), 400},
      {"chunk_size_negative", with("Transfer-Encoding: chunked\r\n", "-4\r\nping\r\n0\r\n\r\n"),
       400},
      {"chunk_size_0x", with("Transfer-Encoding: chunked\r\n", "0x4\r\nping\r\n0\r\n\r\n"), 400},
      {"chunk_size_overflow",
       with("Transfer-Encoding: chunked\r\n", "10000000000000004\r\nping\r\n0\r\n\r\n"), 400},
      {"chunk_size_huge", with("Transfer-Encoding: chunked\r\n", "7fffffffffffffff\r\nping"), 413},
      {"chunk_without_end", with("Transfer-Encoding: chunked\r\n", "4\r\npingX0\r\n\r\n"), 400},
      {"chunk_bare_lf", with("Transfer-Encoding: chunked\r\n", "4\nping\r\n0\r\n\r\n"), 400},
      {"chunk_space_before_size", with("Transfer-Encoding: chunked\r\n", " 4\r\nping\r\n0\r\n\r\n"),
       400},
      {"trailer_without_colon", with("Transfer-Encoding: chunked\r\n", "0\r\nnonsense\r\n\r\n"),
       400},
      {"trailer_with_length",
       with("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 4\r\n\r\n"), 400},
      {"expect_something", with("Expect: the-unexpected\r\nContent-Length: 4\r\n", "ping"), 417},
      {"header_of_1_mb", with("A: " + std::string(1 << 20, 'a') + "\r\n"), 431},
      {"name_of_1_mb", with(std::string(1 << 20, 'a') + ": b\r\n"), 431},
      {"target_of_1_mb",
       "GET /" + std::string(1 << 20, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 431},
      {"method_of_1_mb", std::string(1 << 20, 'A') + " / HTTP/1.1\r\nHost: localhost\r\n\r\n", 431},
      {"a_thousand_headers", with([] {
         std::string all;
         for (int i = 0; i < 1000; ++i) all += "a: b\r\n";
         return all;
       }()),
       431},
      {"chunk_extension_of_1_mb",
       with("Transfer-Encoding: chunked\r\n", "4;" + std::string(1 << 20, 'a') + "\r\nping"), 400},
      {"bad_percent_in_name", "GET /default/models/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"two_environments",
       "GET /default/models/echo?environment=a&environment=b HTTP/1.1\r\nHost: localhost\r\n\r\n",
       400},
  };
}

class HttpAbuseTest : public GatewayTest, public ::testing::WithParamInterface<Case> {
 protected:
  HttpAbuseTest() { dispatcher_.add("echo", {}); }
};

TEST_P(HttpAbuseTest, IsRefusedClearly) {
  serve();
  RawClient client = connect();
  client.send(GetParam().bytes);
  const auto answer = client.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, GetParam().status) << answer->body;
  const auto error = boost::json::parse(answer->body).at("error");
  EXPECT_EQ(error.at("status").as_int64(), GetParam().status);
  EXPECT_FALSE(error.at("message").as_string().empty());
  EXPECT_EQ(boost::json::value_to<std::string>(error.at("requestId")),
            answer->header("x-request-id"));
  // What could be read differently by another party must not be followed by another request.
  const std::string name = GetParam().name;
  if (name != "bad_percent_in_name" && name != "two_environments" && name != "relative_target" &&
      name != "connect") {
    EXPECT_EQ(answer->header("connection"), "close");
    client.shut_down_write();
    EXPECT_TRUE(client.at_end());
  }
  EXPECT_EQ(connect().ask(get("/healthz"))->status, 200);
}

// The same bytes, one at a time: what arrives in pieces is understood alike.
TEST_P(HttpAbuseTest, IsRefusedAlikeInPieces) {
  if (GetParam().bytes.size() > 1000) GTEST_SKIP() << "too long to send byte by byte";
  serve();
  RawClient client = connect();
  std::thread sender([&] {
    for (const char& byte : GetParam().bytes) {
      if (!client.send({&byte, 1})) break;
    }
  });
  const auto answer = client.receive();
  sender.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, GetParam().status) << answer->body;
}

INSTANTIATE_TEST_SUITE_P(Requests, HttpAbuseTest, ::testing::ValuesIn(refused_requests()),
                         [](const auto& info) { return std::string(info.param.name); });

class OddButGoodTest : public HttpAbuseTest {};

TEST_P(OddButGoodTest, IsServed) {
  serve();
  RawClient client = connect();
  const auto answer = client.ask(GetParam().bytes);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, GetParam().status) << answer->body;
  const auto next = client.ask(get("/healthz"));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->status, 200);
}

INSTANTIATE_TEST_SUITE_P(
    Requests, OddButGoodTest,
    ::testing::Values(
        Case{"empty_line_before", "\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
        Case{"absolute_target", "GET http://x/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
        Case{"empty_host", "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", 200},
        Case{"no_space_after_colon", "GET /healthz HTTP/1.1\r\nhost:x\r\n\r\n", 200},
        Case{"odd_case",
             "POST /default/models/echo HTTP/1.1\r\nHOST: localhost\r\ntRANSFER-eNCODING: "
             "ChUnKeD\r\n\r\n"
             "4\r\nping\r\n0\r\n\r\n",
             200},
        Case{"trailers",
             "POST /default/models/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
             "chunked\r\n\r\n"
             "4;a=b\r\nping\r\n0\r\nx-sum: 1\r\n\r\n",
             200},
        Case{"leading_zeros",
             "POST /default/models/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
             "0004\r\n\r\nping",
             200},
        Case{
            "get_with_body",
            "GET /default/models/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nping",
            200},
        Case{"dots_are_not_resolved",
             "GET /default/models/echo/../../x HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
        Case{"options_star", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 204}),
    [](const auto& info) { return std::string(info.param.name); });

class TimeoutTest : public GatewayTest {
 protected:
  TimeoutTest() {
    dispatcher_.add("echo", {});
    spec_.limits.head_timeout = milliseconds(150);
    spec_.limits.idle_timeout = milliseconds(150);
    spec_.limits.io_timeout = milliseconds(150);
  }
};

TEST_F(TimeoutTest, HalfAHeadIsAnswered408) {
  serve();
  RawClient client = connect();
  const auto answer = client.ask("GET /healthz HTTP/1.1\r\nHos");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 408);
  EXPECT_EQ(answer->header("connection"), "close");
}

TEST_F(TimeoutTest, AHeadThatTricklesIsAnswered408) {
  serve();
  RawClient client = connect();
  std::thread sender([&] {
    for (int i = 0; i < 400 && client.send("a"); ++i) {
      std::this_thread::sleep_for(milliseconds(5));
    }
  });
  const auto answer = client.receive();
  sender.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 408);
}

TEST_F(TimeoutTest, APluginThatNeverAnswersIsAnswered504) {
  Script silent;
  silent.answer = false;
  silent.limits.max_wait = milliseconds(50);
  silent.limits.answer_timeout = milliseconds(100);
  dispatcher_.add("silent", silent);
  serve();
  RawClient client = connect();
  const auto answer = client.ask(
      "POST /default/models/silent HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 504);
  EXPECT_NE(answer->body.find("answerTimeout"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return dispatcher_.abandoned() == 1; }));
}

TEST_F(TimeoutTest, ARequestWithoutABodyWaitsForItsAnswerAsLongAsOneWithABody) {
  Script silent;
  silent.answer = false;
  silent.limits.max_wait = milliseconds(300);
  silent.limits.answer_timeout = milliseconds(600);  // longer than a client may be silent
  dispatcher_.add("silent", silent);
  serve();
  RawClient client = connect();
  const auto answer = client.ask(get("/default/models/silent"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 504);
}

TEST_F(TimeoutTest, HalfABodyIsAnswered408AndNeverReachesAReplica) {
  serve();
  RawClient client = connect();
  const auto answer = client.ask(
      "POST /default/models/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 408);
  EXPECT_EQ(dispatcher_.last().method, "");
}

TEST_F(TimeoutTest, HalfALargeBodyAbandonsItsRequest) {
  serve();
  RawClient client = connect();
  const auto answer = client.ask(
      "POST /default/models/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
      "900000\r\n\r\nhalf");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 408);
  EXPECT_TRUE(eventually([&] { return dispatcher_.abandoned() == 1; }));
}

TEST_F(TimeoutTest, AnIdleConnectionIsClosed) {
  serve();
  RawClient fresh = connect();
  RawClient used = connect();
  EXPECT_EQ(used.ask(get("/healthz"))->status, 200);
  EXPECT_TRUE(fresh.at_end());
  EXPECT_TRUE(used.at_end());
  EXPECT_TRUE(eventually([&] { return open_connections() == 0; }));
}

TEST_F(TimeoutTest, AClientThatDoesNotReadIsCutOff) {
  dispatcher_.add("long", streams(64 << 20));
  serve();
  RawClient client = connect(4096);
  client.send(get("/default/models/long"));
  EXPECT_TRUE(eventually([&] { return dispatcher_.abandoned() == 1; }));
}

TEST_F(GatewayTest, ConnectionsAboveTheLimitAreRefused) {
  spec_.limits.connections = 2;
  serve();
  RawClient first = connect(), second = connect();
  EXPECT_EQ(first.ask(get("/healthz"))->status, 200);
  EXPECT_EQ(second.ask(get("/healthz"))->status, 200);
  RawClient third = connect();
  const auto refused = third.receive();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(boost::json::parse(refused->body).at("error").at("code").as_string(),
            "CONNECTION_LIMIT");
  first.close();
  EXPECT_TRUE(eventually([&] { return open_connections() == 1; }));
  EXPECT_EQ(connect().ask(get("/healthz"))->status, 200);
}

TEST_F(GatewayTest, ABodyAboveTheLimitIsRefused) {
  spec_.limits.body = 1000;
  dispatcher_.add("echo", {});
  serve();
  EXPECT_EQ(connect().ask(post("/default/models/echo", std::string(1000, 'a')))->status, 200);
  EXPECT_EQ(connect().ask(post("/default/models/echo", std::string(1001, 'a')))->status, 413);
  const std::string chunk = "200\r\n" + std::string(512, 'a') + "\r\n";
  EXPECT_EQ(connect()
                .ask("POST /default/models/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
                     "chunked\r\n\r\n" +
                     chunk + chunk + "0\r\n\r\n")
                ->status,
            413);
}

}  // namespace
}  // namespace tenon::testing
