#include "host/cli/get.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "host/cli/event_stream.h"
#include "host/cli/yaml_writer.h"
#include "tests/host/cli/one_answer.h"

namespace tenon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kModel =
    R"({"kind":"deployment","metadata":{"workspace":"default","name":"minilm","environment":
"production"},"spec":{"model":"minilm","runtime":"tei","scale":{"maxReplicas":2}},
"status":{"runtime":"tei","state":"DEPLOYED","replicas":{"ready":1,"starting":2},"queued":3,
"memoryBytes":95500000,"lastColdStart":{"totalMs":7.25},"lastError":null}})";

std::string page(const std::string& items, const std::string& next = "null") {
  return http_answer("{\"items\":[" + items + "],\"next\":" + next + "}");
}

std::vector<std::string> row_of(std::string_view word, std::string_view item) {
  return row(**find_listing(word), boost::json::parse(item));
}

TEST(Listing, RowsSayWhatAPersonAsks) {
  EXPECT_THAT(row_of("model", kModel),
              ElementsAre("default", "minilm", "production", "tei", "DEPLOYED", "1 (+2)", "3",
                          "95.5 MB", "7.2 ms", "-"));
  EXPECT_THAT(row_of("pol", R"({"metadata":{"workspace":"default","name":"eu","managedBy":"api",
      "updatedAt":"2026-11-24T16:13:28.003Z"},
      "spec":{"type":"location","locations":["continent/eu","country/ch"]}})"),
              ElementsAre("default", "eu", "location", "continent/eu, country/ch", "api",
                          "2026-11-24 16:13:28"));
  EXPECT_THAT(row_of("revisions", R"({"number":7,"weight":90,"spec":{"runtime":"echo"}})"),
              ElementsAre("7", "90 %", "-", "echo", "-"));
}

TEST(Listing, ACanaryIsSeenBesideTheState) {
  EXPECT_EQ(row_of("models", R"({"status":{"state":"DEPLOYED","canary":{"weight":10}}})").at(4),
            "DEPLOYED (canary 10 %)");
}

TEST(Listing, WhatIsMissingIsADashAndControlsAreNotObeyed) {
  EXPECT_THAT(row_of("models", R"({"metadata":{"name":"x\ny"},"status":{"replicas":-1,
      "memoryBytes":"x"}})"),
              ElementsAre("-", "x?y", "-", "-", "-", "-", "-", "-", "-", "-"));
  EXPECT_THAT(row_of("env", "1"), ElementsAre("-", "-", "-", "-", "-"));
}

TEST(Listing, LongErrorsAreCutAtALetter) {
  const std::string long_error = std::string(59, 'a') + "éé";
  EXPECT_EQ(row_of("models", R"({"status":{"lastError":")" + long_error + "\"}}").back(),
            std::string(59, 'a') + "…");
}

TEST(Listing, AWrongKindNamesTheNearest) {
  EXPECT_THAT(find_listing("polices").error().message,
              HasSubstr("there is no kind 'polices'; did you mean 'policies'?\nkinds: models,"));
  EXPECT_FALSE(find_kind("audit"));
}

TEST(Get, PrintsATableOrTheResources) {
  Answers host({page(kModel), page(kModel), page(kModel), http_answer(kModel)});
  const Ran table = run(get, {"models", "--api", host.url()});
  EXPECT_EQ(table.status, kOk) << table.err;
  EXPECT_THAT(table.out, HasSubstr("default    minilm  production   tei      DEPLOYED  1 (+2)"));
  const Ran json =
      run(get, {"models", "-e", "production", "--api", host.url() + "/", "-o", "json"});
  EXPECT_EQ(boost::json::parse(json.out).at("items").as_array().size(), 1u);
  EXPECT_EQ(run(get, {"models", "--api", host.url(), "-o", "toml"}).out,
            "[[deployment]]\nmodel = \"minilm\"\nruntime = \"tei\"\n\n[deployment.scale]\n"
            "maxReplicas = 2\n");
  const Ran one = run(get, {"model", "minilm", "-w", "team", "--api", host.url(), "-o", "json"});
  EXPECT_EQ(boost::json::parse(one.out), boost::json::parse(kModel));
  host.join();
  EXPECT_THAT(host.requests[0], HasSubstr("GET /v0/models?limit=1000 HTTP/1.1\r\n"));
  EXPECT_THAT(host.requests[1], HasSubstr("GET /v0/models?limit=1000&environment=production "));
  EXPECT_THAT(host.requests[3], HasSubstr("GET /v0/models/minilm?environment=production "));
  EXPECT_THAT(host.requests[3], HasSubstr("x-tenon-workspace: team\r\n"));
}

TEST(Get, PrintsYaml) {
  EXPECT_EQ(
      to_yaml(boost::json::parse(
          R"({"a":{"maxReplicas":2,"no":true},"b":["x: y",{"c":null,"d":[]},[1,2]],"e-f":{}})")),
      "a:\n  maxReplicas: 2\n  \"no\": true\nb:\n  - \"x: y\"\n  - c: null\n    d: []\n"
      "  - - 1\n    - 2\n\"e-f\": {}\n");
  Answers host({page(std::string(kModel) + "," + kModel)});
  const Ran ran = run(get, {"models", "--api", host.url(), "-o", "yaml"});
  EXPECT_THAT(ran.out, HasSubstr("---\nkind: \"deployment\"\nmetadata:\n  workspace: "));
}

TEST(Get, AsksForEveryPage) {
  Answers host({page(kModel, "\"minilm@production\""), page("")});
  EXPECT_EQ(run(get, {"models", "--api", host.url(), "--api-key", "tn_x"}).status, kOk);
  host.join();
  EXPECT_THAT(host.requests[1], HasSubstr("&after=minilm%40production "));
  EXPECT_THAT(host.requests[1], HasSubstr("Authorization: Bearer tn_x\r\n"));
}

TEST(Get, TheHostsOwnWordsAndItsStatusAreTold) {
  Answers host({http_answer(R"({"error":{"message":"there is no policy default/x"}})", "404 No"),
                http_answer("", "503 Busy"), http_answer("hello"), http_answer("[]")});
  const Ran refused = run(get, {"policy", "x", "--api", host.url()});
  EXPECT_EQ(refused.status, kRefused);
  EXPECT_EQ(refused.err, "tenon get: there is no policy default/x\n");
  EXPECT_EQ(run(get, {"models", "--api", host.url()}).status, kHostFailed);
  EXPECT_EQ(run(get, {"models", "--api", host.url()}).status, kFailed);
  EXPECT_EQ(run(get, {"models", "--api", host.url()}).status, kFailed);
  const Ran nobody = run(get, {"models", "--api", "http://127.0.0.1:1"});
  EXPECT_EQ(nobody.status, kFailed);
  EXPECT_THAT(nobody.err, HasSubstr("http://127.0.0.1:1/v0/models"));
}

TEST(Get, RefusesBadUsage) {
  for (const Arguments& words : std::vector<Arguments>{{},
                                                       {"modls"},
                                                       {"revisions"},
                                                       {"audit", "x"},
                                                       {"models", "--api", "ftp://x"},
                                                       {"models", "--api", "127.0.0.1:80"},
                                                       {"models", "--api", "http://"},
                                                       {"models", "--api", "http://x:y"},
                                                       {"models", "--api", "http://[::1"},
                                                       {"models", "-o", "xml"},
                                                       {"models", "a", "b"}}) {
    EXPECT_EQ(run(get, words).status, kBadUsage) << (words.empty() ? "" : words.back());
  }
}

TEST(Describe, ShowsBudgetsAndEventsAsTables) {
  Answers host({http_answer(
      R"({"kind":"environment","spec":{"name":"production"},"tokenBudgets":[{"policy":"cap",)"
      R"("owner":"environment w/production","tokens":"total","limit":100,"spent":125,"left":0,)"
      R"("windowEnd":"2026-12-01T00:00:00.000Z"}],"events":[]})")});
  const Ran ran = run(describe, {"environment", "production", "--api", host.url()});
  EXPECT_EQ(ran.status, kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("kind = \"environment\""));
  EXPECT_THAT(ran.out, HasSubstr("POLICY  OF                        TOKENS  LIMIT  SPENT  LEFT"));
  EXPECT_THAT(ran.out, HasSubstr("125    0     2026-12-01 00:00:00"));
  EXPECT_THAT(ran.out, Not(HasSubstr("WHY"))) << "there are no events";
}

TEST(Describe, ShowsEverything) {
  Answers host({http_answer(kModel)});
  const Ran ran = run(describe, {"model", "minilm", "--api", host.url()});
  EXPECT_EQ(ran.status, kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("[status.replicas]\nready = 1\n"));
  EXPECT_EQ(run(describe, {"models"}).status, kBadUsage);
  EXPECT_EQ(run(describe, {"revisions", "minilm"}).status, kBadUsage);
}

TEST(EventStream, EventsComeInPieces) {
  EventStream stream;
  EXPECT_TRUE(stream.take("event: add").empty());
  EXPECT_TRUE(stream.take("ed\r\ndata: {\"a\":\n").empty());
  const auto events = stream.take("data: 1}\n\n:\n\nevent: synced\ndata: {}\n\nda");
  EXPECT_THAT(events, ElementsAre(EventStream::Event{"added", "{\"a\":\n1}"},
                                  EventStream::Event{"synced", "{}"}));
  EXPECT_THAT(stream.take("ta:x\n\n"), ElementsAre(EventStream::Event{"", "x"}));
}

std::string stream_of(const std::vector<std::pair<std::string, std::string>>& events) {
  std::string body;
  for (const auto& [name, data] : events) {
    std::string line = data;
    std::erase(line, '\n');
    body += "event: " + name + "\ndata: " + line + "\n\n";
  }
  return http_answer(body);
}

const std::string kRefusal = http_answer(R"({"error":{"message":"no more"}})", "403 No");

TEST(GetWatch, TellsAllOnceAndThenWhatChanges) {
  const std::string other = R"({"metadata":{"name":"other"}})";
  Answers host({stream_of({{"added", kModel},
                           {"added", other},
                           {"synced", "{}"},
                           {"changed", kModel},
                           {"removed", other}}),
                stream_of({{"synced", "{}"}}), kRefusal});
  const Ran ran = run(get, {"models", "--watch", "-e", "production", "--api", host.url()});
  EXPECT_EQ(ran.status, kRefused);
  const std::string ended = "tenon get: the host ended the stream; asking again\n";
  EXPECT_EQ(ran.err, ended + ended + "tenon get: no more\n");
  std::istringstream lines(ran.out);
  std::vector<std::string> words;
  for (std::string line; std::getline(lines, line);) {
    words.push_back(line.substr(0, line.find(' ')) + (line.ends_with("removed") ? " gone" : ""));
  }
  EXPECT_THAT(words, ElementsAre("WORKSPACE", "default", "-", "default", "- gone", "WORKSPACE"));
  host.join();
  EXPECT_THAT(host.requests[0], HasSubstr("GET /v0/models?watch=true&environment=production "));
}

TEST(GetWatch, OfOneAndForMachines) {
  Answers host({stream_of({{"added", kModel},
                           {"added", R"({"metadata":{"name":"other"}})"},
                           {"synced", "{}"},
                           {"removed", kModel}}),
                kRefusal});
  const Ran ran = run(get, {"models", "minilm", "--watch", "-o", "json", "--api", host.url()});
  std::istringstream lines(ran.out);
  std::vector<std::string> events;
  for (std::string line; std::getline(lines, line);) {
    events.emplace_back(boost::json::parse(line).at("event").as_string());
  }
  EXPECT_THAT(events, ElementsAre("added", "removed"));
  EXPECT_EQ(run(get, {"models", "--watch", "-o", "toml"}).status, kBadUsage);
}

TEST(DescribeWatch, ShowsItAgainAtEachChange) {
  Answers host({http_answer(kModel), stream_of({{"added", kModel}, {"synced", "{}"}}),
                http_answer(kModel), kRefusal});
  const Ran ran = run(describe, {"model", "minilm", "--watch", "--api", host.url()});
  EXPECT_EQ(ran.status, kRefused) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("state = \"DEPLOYED\""));
}

}  // namespace
}  // namespace tenon::cli
