// Refusals, failures, and what a plugin may answer.

#include "tests/host/gateway/exchange_fixture.h"

namespace tenon::testing {
namespace {

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

}  // namespace
}  // namespace tenon::testing
