// Requests and answers that pass through the gateway, over real sockets.

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <thread>

#include "tests/host/gateway/gateway_fixture.h"

namespace tenon::testing {
namespace {

class ExchangeTest : public GatewayTest {
 protected:
  ExchangeTest() { dispatcher_.add("echo", {}); }
};

std::string error_code(const HttpAnswer& answer) {
  return std::string(boost::json::parse(answer.body).at("error").at("code").as_string());
}

// Bytes that tell where a piece of them was lost.
std::string numbered(std::size_t size) {
  std::string bytes;
  bytes.reserve(size + 16);
  for (std::size_t i = 0; bytes.size() < size; ++i) bytes += std::to_string(i) + ",";
  bytes.resize(size);
  return bytes;
}

std::string chunked(std::string_view body, std::size_t piece) {
  std::string out;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    const std::string_view part = body.substr(at, piece);
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    out += size + std::string(part) + "\r\n";
  }
  return out + "0\r\n\r\n";
}

TEST_F(ExchangeTest, AConnectionServesManyRequests) {
  serve();
  RawClient client = connect();
  for (int i = 0; i < 200; ++i) {
    const std::string body = "number " + std::to_string(i);
    const auto answer = client.ask(post("/default/models/echo", body));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, body);
    EXPECT_EQ(answer->header("content-type"), "text/plain");
    EXPECT_EQ(answer->header("x-request-id").size(), 32u);
    EXPECT_EQ(answer->header("connection"), "(none)");
  }
}

TEST_F(ExchangeTest, ThePluginSeesItsPathAndNoCredentials) {
  serve();
  const auto answer = connect().ask(
      post("/default/models/ec%68o/v1/a%2Fb/../c?x=1&environment=production&y=%20", "hi",
           "Authorization: Bearer s\r\nProxy-Authorization: s\r\nX-API-Key: s\r\nCookie: s\r\n"
           "Connection: keep-alive, X-Hop\r\nX-Hop: h\r\nTE: trailers\r\nUpgrade: h2c\r\n"
           "X-Kept: One\r\nx-kept: two\r\nX-Request-Id: my-id.7\r\n"
           "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header("x-request-id"), "my-id.7");
  const Seen seen = dispatcher_.last();
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/v1/a%2Fb/../c");
  EXPECT_EQ(seen.query, "x=1&y=%20");
  EXPECT_EQ(seen.request_id, "my-id.7");
  EXPECT_EQ(seen.view.trace_id[0], 0x0a);
  EXPECT_EQ(seen.view.span_id[7], 0x31);
  EXPECT_NE(seen.view.arrival_ns, 0u);
  std::vector<std::string> names;
  for (const auto& [name, value] : seen.headers) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"host", "content-length", "x-kept", "x-kept",
                                             "x-request-id", "traceparent"}));
  EXPECT_EQ(seen.headers[2].second, "One");
}

TEST_F(ExchangeTest, PathsBelowTheEndpoint) {
  serve();
  for (const auto& [target, path] :
       std::vector<std::pair<std::string, std::string>>{{"/default/models/echo", "/"},
                                                        {"/default/models/echo/", "/"},
                                                        {"/default/models/echo//a", "//a"},
                                                        {"/default/models/echo?a=b", "/"},
                                                        {"/default/models/echo/a/?q", "/a/"}}) {
    ASSERT_EQ(connect().ask(post(target, "x"))->status, 200) << target;
    EXPECT_EQ(dispatcher_.last().path, path);
  }
}

TEST_F(ExchangeTest, PassiveQuestionsAreAsked) {
  serve();
  connect().ask(get("/default/models/echo/health"));
  EXPECT_TRUE(dispatcher_.last().passive);
  connect().ask(post("/default/models/echo/health", ""));
  EXPECT_FALSE(dispatcher_.last().passive);
  connect().ask(get("/default/models/echo/other"));
  EXPECT_FALSE(dispatcher_.last().passive);
}

TEST_F(ExchangeTest, UnknownNamesAreExplained) {
  serve();
  RawClient client = connect();
  for (const auto& [target, code] : std::vector<std::pair<std::string, std::string>>{
           {"/default/models/nothing", "WORKLOAD_NOT_FOUND"},
           {"/default/models/echo?environment=staging", "WORKLOAD_NOT_FOUND"},
           {"/default/models/echo?%65nvironment=staging", "WORKLOAD_NOT_FOUND"},
           {"/default/modles/echo", "ROUTE_NOT_FOUND"},
           {"/default/models/", "ROUTE_NOT_FOUND"},
           {"/", "ROUTE_NOT_FOUND"},
           {"/v0/nothing", "ROUTE_NOT_FOUND"},
           {"/v1/models/echo", "ROUTE_NOT_FOUND"}}) {
    const auto answer = client.ask(post(target, "{}", "Content-Type: application/json\r\n"));
    ASSERT_TRUE(answer) << target;
    EXPECT_EQ(answer->status, 404) << target;
    EXPECT_EQ(error_code(*answer), code) << target;
    EXPECT_EQ(boost::json::parse(answer->body).at("error").at("origin").as_string(), "platform");
  }
}

TEST_F(ExchangeTest, PipelinedRequestsAreAnsweredInOrder) {
  serve();
  RawClient client = connect();
  std::string all;
  for (int i = 0; i < 300; ++i) {
    const std::string body = "number " + std::to_string(i);
    all += i % 3 == 0 ? get("/healthz")
           : i % 3 == 1
               ? post("/default/models/echo", body)
               : "POST /default/models/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n" +
                     chunked(body, 3);
  }
  std::thread sender([&] { client.send(all); });
  for (int i = 0; i < 300; ++i) {
    const auto answer = client.receive();
    if (!answer) ADD_FAILURE() << "no answer " << i;
    if (!answer) break;
    EXPECT_EQ(answer->body, i % 3 == 0 ? "ok\n" : "number " + std::to_string(i));
  }
  sender.join();
}

TEST_F(ExchangeTest, HeadHasTheHeadOfGet) {
  Script streamed = streams(1000);
  dispatcher_.add("streamed", streamed);
  serve();
  RawClient client = connect();
  client.send("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  auto answer = client.receive(true);
  EXPECT_EQ(answer->header("content-length"), "3");
  client.send(
      "HEAD /default/models/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nping");
  answer = client.receive(true);
  EXPECT_EQ(answer->header("content-length"), "4");
  client.send("HEAD /default/models/streamed HTTP/1.1\r\nHost: localhost\r\n\r\n");
  answer = client.receive(true);
  EXPECT_EQ(answer->header("transfer-encoding"), "chunked");
  client.send("HEAD /default/models/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
  answer = client.receive(true);
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(client.ask(get("/healthz"))->body, "ok\n");
}

TEST_F(ExchangeTest, Http10EndsWithTheConnection) {
  dispatcher_.add("streamed", streams(100'000));
  serve();
  RawClient client = connect();
  auto answer = client.ask("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answer->header("connection"), "close");
  EXPECT_TRUE(client.at_end());
  RawClient kept = connect();
  answer = kept.ask("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(answer->header("connection"), "keep-alive");
  answer = kept.ask("GET /default/models/streamed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(answer->header("transfer-encoding"), "(none)");
  EXPECT_EQ(answer->body.size(), 100'000u);
  EXPECT_TRUE(kept.at_end());
}

TEST_F(ExchangeTest, ConnectionCloseIsHonoured) {
  serve();
  RawClient client = connect();
  const auto answer = client.ask(post("/default/models/echo", "x", "Connection: close\r\n"));
  EXPECT_EQ(answer->header("connection"), "close");
  EXPECT_TRUE(client.at_end());
}

TEST_F(ExchangeTest, ContinueIsSaidWhenTheBodyIsWanted) {
  serve();
  RawClient client = connect();
  const std::string head =
      " HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
  client.send("POST /default/models/echo" + head);
  EXPECT_EQ(client.receive()->status, 100);
  EXPECT_EQ(client.ask("ping")->body, "ping");
  client.send("POST /default/models/nothing" + head);
  const auto refused = client.receive();
  EXPECT_EQ(refused->status, 404);
  EXPECT_EQ(refused->header("connection"), "close");
}

TEST_F(ExchangeTest, CorsIsAnsweredForConfiguredOrigins) {
  spec_.cors_origins = {"https://console.example"};
  Script own;
  own.headers = {{"access-control-allow-origin", "*"}};
  dispatcher_.add("own", own);
  serve();
  RawClient client = connect();
  const std::string from = "Origin: https://console.example\r\n";
  auto answer = client.ask("OPTIONS /default/models/echo HTTP/1.1\r\nHost: localhost\r\n" + from +
                           "Access-Control-Request-Method: POST\r\n"
                           "Access-Control-Request-Headers: content-type\r\n\r\n");
  EXPECT_EQ(answer->status, 204);
  EXPECT_EQ(answer->header("access-control-allow-origin"), "https://console.example");
  EXPECT_EQ(answer->header("access-control-allow-methods"), "POST");
  EXPECT_EQ(answer->header("access-control-allow-headers"), "content-type");
  EXPECT_EQ(dispatcher_.last().method, "");
  answer = client.ask(post("/default/models/echo", "x", from));
  EXPECT_EQ(answer->header("access-control-allow-origin"), "https://console.example");
  answer = client.ask(post("/default/models/echo", "x", "Origin: https://evil.example\r\n"));
  EXPECT_EQ(answer->header("access-control-allow-origin"), "(none)");
  answer = client.ask(post("/default/models/own", "x", from));
  EXPECT_EQ(answer->header("access-control-allow-origin"), "*");
  EXPECT_EQ(answer->head.find("access-control-allow-origin"),
            answer->head.rfind("access-control-allow-origin"));
}

TEST_F(ExchangeTest, OptionsIsThePluginsWithoutConfiguration) {
  serve();
  connect().ask("OPTIONS /default/models/echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(dispatcher_.last().method, "OPTIONS");
}

// ---- bodies of any size

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

// ---- refusals and failures

TEST_F(ExchangeTest, ARefusalSaysHowFarLoadingHasCome) {
  Script script;
  script.refusal = lifecycle::Refusal{.error = {Code::kUnavailable, "still \"loading\"\n", true},
                                      .reason = "WORKLOAD_UNAVAILABLE",
                                      .status = 503,
                                      .retry_after = 2,
                                      .load_done = 0.25,
                                      .load_stage = "map"};
  dispatcher_.add("cold", script);
  serve();
  const auto answer = connect().ask(post("/default/models/cold", "x"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->header("retry-after"), "2");
  const auto error = boost::json::parse(answer->body).at("error");
  EXPECT_EQ(error.at("message").as_string(), "still \"loading\"\n");
  EXPECT_TRUE(error.at("retryable").as_bool());
  EXPECT_DOUBLE_EQ(error.at("loading").at("done").as_double(), 0.25);
  EXPECT_EQ(error.at("loading").at("stage").as_string(), "map");
}

TEST_F(ExchangeTest, APluginsErrorHasItsSentenceAndTheKindsStatus) {
  const std::vector<std::pair<Code, unsigned>> kinds = {
      {Code::kInvalid, 400},  {Code::kExhausted, 429},     {Code::kUnavailable, 503},
      {Code::kDeadline, 504}, {Code::kUnimplemented, 501}, {Code::kInternal, 500}};
  for (const auto& [code, status] : kinds) {
    Script script;
    script.failure = workers::Failure{.error = {code, "bad \xff byte"}};
    dispatcher_.add("fails-" + std::to_string(status), script);
  }
  serve();
  RawClient client = connect();
  for (const auto& [code, status] : kinds) {
    const auto answer = client.ask(post("/default/models/fails-" + std::to_string(status), "x"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, status);
    const auto error = boost::json::parse(answer->body).at("error");
    EXPECT_EQ(error.at("message").as_string(), "bad \xef\xbf\xbd byte");
    EXPECT_FALSE(error.as_object().contains("origin"));
  }
}

TEST_F(ExchangeTest, AFailureAfterTheHeadCutsTheStream) {
  Script script = streams(1 << 20);
  script.fail_after = 100'000;
  script.failure = workers::Failure{.kind = workers::Failure::Kind::kDied,
                                    .error = {Code::kInternal, "killed by signal 9"}};
  dispatcher_.add("dies", script);
  script.headers = {{"content-length", "1048576"}};
  dispatcher_.add("dies-with-length", script);
  serve();
  for (const std::string target : {"/default/models/dies", "/default/models/dies-with-length"}) {
    RawClient client = connect();
    client.send(get(target));
    EXPECT_FALSE(client.receive()) << target;  // not whole
  }
  RawClient old = connect();  // HTTP/1.0 has only the way the connection ends
  old.send("GET /default/models/dies HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.receive(true));
  while (!old.read_some().empty()) {
  }
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(ExchangeTest, MalformedHeadsOfPluginsAreNotPassedOn) {
  const std::vector<std::pair<std::string, Script>> scripts = [] {
    std::vector<std::pair<std::string, Script>> all;
    const auto with = [&](const std::string& name, unsigned status,
                          std::pair<std::string, std::string> header) {
      Script script;
      script.status = status;
      script.headers = {std::move(header)};
      all.emplace_back(name, script);
    };
    using namespace std::string_literals;
    with("status-0", 0, {"a", "b"});
    with("status-100", 100, {"a", "b"});
    with("status-600", 600, {"a", "b"});
    with("line-in-value", 200, {"a", "b\r\nset-cookie: x"});
    with("line-feed", 200, {"a", "b\nc"});
    with("zero-in-value", 200, {"a", "b\0c"s});
    with("space-in-name", 200, {"a b", "c"});
    with("line-in-name", 200, {"a\r\nb", "c"});
    with("no-name", 200, {"", "c"});
    with("colon-in-name", 200, {"a:", "c"});
    with("bad-length", 200, {"content-length", "4x"});
    return all;
  }();
  for (const auto& [name, script] : scripts) dispatcher_.add(name, script);
  serve();
  RawClient client = connect();
  for (const auto& [name, script] : scripts) {
    const auto answer = client.ask(post("/default/models/" + name, "ping"));
    ASSERT_TRUE(answer) << name;
    EXPECT_EQ(answer->status, 502) << name;
    EXPECT_EQ(error_code(*answer), "BAD_ANSWER") << name;
  }
}

TEST_F(ExchangeTest, HeadersOfTheConnectionAreTheHosts) {
  Script script;
  script.headers = {{"connection", "close"},    {"transfer-encoding", "gzip"},
                    {"keep-alive", "1"},        {"content-length", "999"},
                    {"x-request-id", "theirs"}, {"date", "never"},
                    {"set-cookie", "a"},        {"set-cookie", "b"}};
  dispatcher_.add("bossy", script);
  serve();
  RawClient client = connect();
  const auto answer = client.ask(post("/default/models/bossy", "ping"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "ping");
  EXPECT_EQ(answer->header("connection"), "(none)");
  EXPECT_EQ(answer->header("transfer-encoding"), "(none)");
  EXPECT_NE(answer->header("x-request-id"), "theirs");
  EXPECT_NE(answer->header("date"), "never");
  EXPECT_NE(answer->head.find("set-cookie: a\r\nset-cookie: b\r\n"), std::string::npos);
  EXPECT_EQ(client.ask(get("/healthz"))->status, 200);
}

TEST_F(ExchangeTest, ABodyUnlikeItsLengthCutsTheConnection) {
  Script longer = streams(1000);
  longer.headers = {{"content-length", "500"}};
  dispatcher_.add("longer", longer);
  Script shorter = streams(1000);
  shorter.headers = {{"content-length", "2000"}};
  dispatcher_.add("shorter", shorter);
  serve();
  RawClient client = connect();
  client.send(get("/default/models/longer"));
  EXPECT_EQ(client.receive()->body.size(), 500u);
  EXPECT_TRUE(client.at_end());
  RawClient other = connect();
  other.send(get("/default/models/shorter"));
  EXPECT_FALSE(other.receive());
}

TEST_F(ExchangeTest, AnswersWithoutABodyHaveNone) {
  Script script;
  script.status = 204;
  dispatcher_.add("nothing", script);
  script.status = 304;
  dispatcher_.add("unchanged", script);
  serve();
  RawClient client = connect();
  client.send(post("/default/models/nothing", "ping"));
  const auto answer = client.receive(true);
  EXPECT_EQ(answer->status, 204);
  EXPECT_EQ(answer->header("content-length"), "(none)");
  client.send(post("/default/models/unchanged", "ping"));
  EXPECT_EQ(client.receive(true)->status, 304);
  EXPECT_EQ(client.ask(get("/healthz"))->body, "ok\n");
}

// ---- clients that go away

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

TEST_F(ExchangeTest, RequestsAreCounted) {
  serve();
  RawClient client = connect();
  for (int i = 0; i < 3; ++i) client.ask(post("/default/models/echo", "x"));
  const std::string metrics = client.ask(get("/metrics"))->body;
  EXPECT_NE(metrics.find("tenon_requests_total{"), std::string::npos);
  EXPECT_NE(metrics.find("tenon_request_duration_seconds_count{"), std::string::npos);
}

}  // namespace
}  // namespace tenon::testing
