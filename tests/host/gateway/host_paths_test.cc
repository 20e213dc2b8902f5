// The host's own paths: answered away from the event loops.

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <string_view>

#include "tests/host/gateway/gateway_fixture.h"

namespace tenon::testing {
namespace {

using control::Reply;
using control::Request;

TEST_F(GatewayTest, TheApiGetsWholeRequestsAndAnswers) {
  api_ = [](const Request& request, const std::shared_ptr<Reply>& reply) {
    reply->whole(201, "text/plain",
                 request.method + " " + request.path + "?" + request.query + " " +
                     std::to_string(request.body.size()) + " " +
                     std::string(request.header("content-type")));
  };
  serve();
  auto client = connect();
  const std::string large(3'000'000, 'x');
  const auto answer =
      client.ask(post("/v0/apply?dryRun=true", large, "Content-Type: application/json\r\n"));
  EXPECT_EQ(answer->status, 201u);
  EXPECT_EQ(answer->body, "POST /v0/apply?dryRun=true 3000000 application/json");
  EXPECT_EQ(client.ask(get("/v0/models"))->body, "GET /v0/models? 0 ");
}

TEST_F(GatewayTest, TheApiRefusesInTheOneShape) {
  api_ = [](const Request&, const std::shared_ptr<Reply>& reply) {
    reply->refuse(control::refusal(api::kVersionConflict, "it has version 7"));
  };
  serve();
  auto client = connect();
  const auto answer = client.ask(get("/v0/models"));
  EXPECT_EQ(answer->status, 409u);
  EXPECT_NE(answer->body.find("\"VERSION_CONFLICT\""), std::string::npos);
  EXPECT_NE(answer->body.find("it has version 7"), std::string::npos);
}

TEST_F(GatewayTest, ASlowAnswerHoldsNobodyUp) {
  std::promise<void> go_on;
  auto released = go_on.get_future().share();
  api_ = [released](const Request& request, const std::shared_ptr<Reply>& reply) {
    if (request.path == "/v0/slow") released.wait();
    reply->whole(200, "text/plain", request.path);
  };
  serve();
  auto slow = connect(), other = connect(), third = connect();
  slow.send(get("/v0/slow"));
  // Two of them share a loop, whichever it is.
  EXPECT_EQ(other.ask(get("/healthz"))->status, 200u);
  EXPECT_EQ(third.ask(get("/healthz"))->status, 200u);
  go_on.set_value();
  EXPECT_EQ(slow.receive()->body, "/v0/slow");
}

TEST_F(GatewayTest, AStreamComesInChunksUntilItsClientGoes) {
  std::promise<std::shared_ptr<Reply>> taken;
  api_ = [&taken](const Request&, std::shared_ptr<Reply> reply) {
    reply->begin("text/event-stream", "data: 1\n\n");
    taken.set_value(std::move(reply));
  };
  serve();
  auto client = connect();
  client.send(get("/v0/models?watch=true"));
  const std::shared_ptr<Reply> reply = taken.get_future().get();
  std::string seen;
  const auto comes = [&](std::string_view text) {
    while (!seen.contains(text)) {
      const std::string more = client.read_some();
      if (more.empty()) return false;
      seen += more;
    }
    return true;
  };
  EXPECT_TRUE(comes("data: 1\n\n"));
  EXPECT_TRUE(reply->chunk("data: 2\n\n"));
  EXPECT_TRUE(comes("data: 2\n\n"));
  client.close();
  EXPECT_TRUE(eventually([&] { return !reply->chunk("data: 3\n\n"); }));
}

}  // namespace
}  // namespace tenon::testing
