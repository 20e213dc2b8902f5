// Requests and answers that pass through the gateway, over real sockets.

#include <thread>

#include "tests/host/gateway/exchange_fixture.h"

namespace tenon::testing {
namespace {

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
