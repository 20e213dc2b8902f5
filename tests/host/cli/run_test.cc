#include "host/cli/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "host/cli/deploy.h"
#include "host/cli/life_verbs.h"
#include "tests/host/cli/one_answer.h"

namespace tenon::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Run, PrintsTheAnswerAsItIs) {
  const std::string bytes("\0\x1b[1m\n", 6);
  Answers host(
      {http_answer(bytes),
       "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"});
  EXPECT_EQ(run(run_model, {"m", "--api", host.url()}).out, bytes);
  const Ran streamed = run(run_model, {"m", "v1/x?a=b", "-d", "{}", "-e", "dev", "-w", "team", "-H",
                                       "X-A:  b", "-i", "--api", host.url()});
  EXPECT_EQ(streamed.out, "onetwo");
  EXPECT_EQ(streamed.status, kOk);
  EXPECT_THAT(streamed.err, HasSubstr("HTTP 200\ntransfer-encoding: chunked\n"));
  host.join();
  EXPECT_THAT(host.requests[0], HasSubstr("GET /default/models/m HTTP/1.1\r\n"));
  EXPECT_THAT(host.requests[0], Not(HasSubstr("content-type")));
  EXPECT_THAT(host.requests[1],
              HasSubstr("POST /team/models/m/v1/x?a=b&environment=dev HTTP/1.1\r\n"));
  EXPECT_THAT(host.requests[1], HasSubstr("content-type: application/json\r\n"));
  EXPECT_THAT(host.requests[1], HasSubstr("x-a: b\r\n"));
}

TEST(Run, AnAnswerMayEndWithItsConnectionOrHaveNoBody) {
  Answers host({"HTTP/1.1 200 OK\r\n\r\nall of it", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ncut"});
  EXPECT_EQ(run(run_model, {"m", "--api", host.url()}).out, "all of it");
  EXPECT_EQ(run(run_model, {"m", "-X", "HEAD", "--api", host.url()}).status, kOk);
  const Ran cut = run(run_model, {"m", "--api", host.url()});
  EXPECT_EQ(cut.status, kFailed);
  EXPECT_EQ(cut.out, "cut");
}

TEST(Run, TheStatusSaysWhoseFaultItIs) {
  Answers host(
      {"HTTP/1.1 503 No\r\nretry-after: 3\r\ncontent-length: 38\r\n\r\n"
       R"({"error":{"message":"not loaded yet"}})",
       http_answer("{\"detail\":1}", "422 No")});
  const Ran busy = run(run_model, {"m", "--api", host.url()});
  EXPECT_EQ(busy.status, kHostFailed);
  EXPECT_EQ(busy.err, "tenon run: 503: not loaded yet\ntenon run: try again after 3 s\n");
  const Ran refused = run(run_model, {"m", "-X", "PUT", "--api", host.url()});
  EXPECT_EQ(refused.status, kRefused);
  EXPECT_EQ(refused.out, "{\"detail\":1}");
  EXPECT_EQ(refused.err, "tenon run: the model answered 422\n");
  EXPECT_EQ(run(run_model, {"m", "--api", "http://127.0.0.1:1"}).status, kFailed);
}

TEST(Run, AFileIsSentWithTheTypeOfItsName) {
  namespace fs = std::filesystem;
  const std::string path =
      fs::temp_directory_path() / ("tenon-run-" + std::to_string(::getpid()) + ".png");
  std::ofstream(path) << "pixels";
  Answers host({http_answer(""), http_answer("")});
  EXPECT_EQ(run(run_model, {"m", "-F", path, "--api", host.url()}).status, kOk);
  EXPECT_EQ(run(run_model, {"m", "-d", "@" + path, "--api", host.url()}).status, kOk);
  host.join();
  fs::remove(path);
  EXPECT_THAT(host.requests[0], HasSubstr("image/png\r\n"));
  EXPECT_THAT(host.requests[0], HasSubstr("\r\n\r\npixels"));
  EXPECT_THAT(host.requests[1], HasSubstr("application/json\r\n"));
}

TEST(Run, RefusesBadUsage) {
  for (const Arguments& words : std::vector<Arguments>{{},
                                                       {"m", "/a b"},
                                                       {"m", "/", "x"},
                                                       {"m", "-d", "1", "-F", "x"},
                                                       {"m", "-F", "/nowhere/x"},
                                                       {"m", "-H", "nocolon"},
                                                       {"m", "-H", "a: b\r\nc: d"},
                                                       {"m", "--timeout", "soon"}}) {
    EXPECT_EQ(run(run_model, words).status, kBadUsage) << (words.empty() ? "" : words.back());
  }
}

constexpr const char* kDeployment =
    R"({"metadata":{"workspace":"default","name":"m","environment":"production"}})";

TEST(LifeVerbs, AskAndSayWhatBecameOfIt) {
  Answers host({http_answer(kDeployment), http_answer(kDeployment), http_answer(kDeployment)});
  EXPECT_EQ(run(activate, {"m", "-e", "dev", "--force", "--api", host.url()}).out,
            "deployment default/m@production activated\n");
  EXPECT_EQ(run(deactivate, {"m", "--api", host.url()}).out,
            "deployment default/m@production deactivated\n");
  EXPECT_EQ(run(release, {"m", "--from", "dev", "--policies", "--api", host.url()}).out,
            "deployment default/m@production released from dev\n");
  host.join();
  EXPECT_THAT(host.requests[0],
              HasSubstr("POST /v0/models/m/activate?environment=dev&force=true HTTP"));
  EXPECT_THAT(host.requests[1],
              HasSubstr("POST /v0/models/m/deactivate?environment=production HTTP"));
  EXPECT_THAT(host.requests[2],
              HasSubstr("\r\n\r\n{\"from\":\"dev\",\"to\":\"production\",\"policies\":true}"));
  EXPECT_EQ(run(release, {"m"}).status, kBadUsage);
  EXPECT_EQ(run(activate, {}).status, kBadUsage);
}

TEST(LifeVerbs, RollbackTakesTheRevisionBefore) {
  Answers host(
      {http_answer(R"({"items":[{"number":7,"active":true},{"number":5,"active":false}]})"),
       http_answer(kDeployment), http_answer(R"({"items":[{"number":1,"active":true}]})"),
       http_answer(kDeployment)});
  EXPECT_EQ(run(rollback, {"m", "--api", host.url()}).out,
            "deployment default/m@production is as in revision 5 again\n");
  const Ran first = run(rollback, {"m", "--api", host.url()});
  EXPECT_EQ(first.status, kRefused);
  EXPECT_EQ(first.err, "tenon rollback: there is no earlier revision\n");
  EXPECT_EQ(run(rollback, {"m", "3", "--api", host.url()}).status, kOk);
  host.join();
  EXPECT_THAT(host.requests[1], HasSubstr("\r\n\r\n{\"revision\":5}"));
  EXPECT_THAT(host.requests[3], HasSubstr("\r\n\r\n{\"revision\":3}"));
}

TEST(Deploy, FlagsAreAManifest) {
  EXPECT_EQ(run(deploy, {"m",    "--origin", "file:x",  "--runtime",   "tei",   "-e",
                         "dev",  "--flavor", "cpu/x86", "--policy",    "p",     "--policy",
                         "q",    "--max",    "2",       "--retention", "1m",    "--option",
                         "a=16", "--option", "b=true",  "--option",    "c=x y", "--env",
                         "N=1",  "--print"})
                .out,
            "[[deployment]]\nmodel = \"m\"\nenvironment = \"dev\"\nruntime = \"tei\"\n"
            "origin = \"file:x\"\nflavors = [\"cpu/x86\"]\npolicies = [\"p\", \"q\"]\n\n"
            "[deployment.scale]\nmaxReplicas = 2\nlastReplicaRetention = \"1m\"\n\n"
            "[deployment.options]\na = 16\nb = true\nc = \"x y\"\n\n"
            "[deployment.env]\nN = \"1\"\n");
  EXPECT_THAT(run(deploy, {"m", "--origin", "folder", "--runtime", "tei", "--print"}).out,
              HasSubstr("\"file:" + std::filesystem::current_path().string() + "/folder\""));
}

TEST(Deploy, SaysWhatIsMissingOrRefused) {
  EXPECT_EQ(run(deploy, {}).status, kBadUsage);
  EXPECT_EQ(run(deploy, {"m"}).status, kBadUsage);
  EXPECT_THAT(run(deploy, {"m", "--origin", "x"}).err, HasSubstr("--runtime NAME"));
  const auto wrong = [](const std::string& flag, const std::string& value) {
    return run(deploy, {"m", "--origin", "x", "--runtime", "tei", flag, value}).status;
  };
  EXPECT_EQ(wrong("--label", "y"), kBadUsage);
  EXPECT_EQ(wrong("--min", "one"), kBadUsage);
  Answers host({http_answer(R"({"error":{"message":"resources[0].spec.runtime: no"}})", "422 No")});
  EXPECT_EQ(run(deploy, {"m", "--origin", "x", "--runtime", "tei", "--api", host.url()}).err,
            "tenon deploy: runtime: no\n");
}

}  // namespace
}  // namespace tenon::cli
