#include "host/cli/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>

#include "host/cli/delete.h"
#include "host/cli/spec_diff.h"
#include "tests/host/cli/one_answer.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kTwo =
    "[[deployment]]\nmodel = \"a\"\nruntime = \"echo\"\norigin = \"file:m\"\n"
    "scale = { maxReplicas = 3 }\n\n[[policy]]\nname = \"p\"\ntype = \"flavor\"\n"
    "flavors = [\"cpu/x86\"]\n";

class Apply : public testing::Test {
 protected:
  Apply() : folder_(fs::temp_directory_path() / ("tenon-apply-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Apply() override { fs::remove_all(folder_); }

  std::string write(const std::string& text, const std::string& name = "a.toml") {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  const fs::path folder_;
};

std::string results(const std::string& items) {
  return http_answer("{\"results\":[" + items + "]}");
}

constexpr const char* kConfigured =
    R"({"kind":"deployment","workspace":"default","name":"a","environment":"production",
"result":"configured","before":{"scale":{"maxReplicas":2},"x":1},
"after":{"scale":{"maxReplicas":3},"y":["z"]}})";

TEST_F(Apply, SendsAFileAsAWholeAndSaysWhatBecameOfIt) {
  Answers host({results(std::string(kConfigured) +
                        R"(,{"kind":"policy","workspace":"default","name":"p","result":"created",
"before":null,"after":{}})")});
  const Ran ran = run(apply, {"-f", write(kTwo), "--api", host.url(), "--force"});
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(ran.status, kOk);
  EXPECT_EQ(ran.out, "deployment default/a@production configured\npolicy default/p created\n");
  host.join();
  const std::string& request = host.requests[0];
  EXPECT_THAT(request, HasSubstr("POST /v0/apply?force=true HTTP/1.1\r\n"));
  EXPECT_EQ(boost::json::parse(request.substr(request.find("\r\n\r\n") + 4)), boost::json::parse(R"(
      {"resources":[{"kind":"deployment","spec":{"model":"a","runtime":"echo","origin":"file:m",
      "scale":{"maxReplicas":3}}},{"kind":"policy","spec":{"name":"p","type":"flavor",
      "flavors":["cpu/x86"]}}]})"));
}

TEST_F(Apply, ADryRunShowsWhatDiffers) {
  Answers host({results(kConfigured)});
  EXPECT_EQ(run(apply, {write(kTwo), "--dry-run", "--api", host.url()}).out,
            "deployment default/a@production configured (dry run)\n"
            "  ~ scale.maxReplicas = 2 -> 3\n  - x = 1\n  + y = [\"z\"]\n");
}

TEST_F(Apply, WhatTheHostRefusesIsToldWhereItStands) {
  Answers host(
      {http_answer(R"({"error":{"message":"resources[0].spec.scale.maxReplicas: too many\nelse\n)"
                   R"(resources[1]: not allowed"}})",
                   "422 No")});
  const std::string path = write(kTwo);
  const Ran ran = run(apply, {"-f", path, "--api", host.url()});
  EXPECT_EQ(ran.status, kRefused);
  EXPECT_EQ(ran.err, "tenon apply: " + path + ":5:25: scale.maxReplicas: too many\ntenon apply: " +
                         path + ": else\ntenon apply: " + path + ":7:1: not allowed\n");
}

TEST_F(Apply, NothingIsSentWhenAFileHasMistakes) {
  write(kTwo, "good.toml");
  const std::string path =
      write("[host]\n[[policy]]\nname = \"${TENON_TEST_UNSET}\"\n", "host.toml");
  const std::string other = write("[[policy]]\nnmae = \"x\"\n", "typo.toml");
  const Ran ran = run(apply, {"-f", folder_, "--api", "http://127.0.0.1:1"});
  EXPECT_EQ(ran.status, kBadUsage);
  EXPECT_THAT(ran.err, HasSubstr(path + ":1:"));
  EXPECT_THAT(ran.err, HasSubstr(other + ":2:1: unknown key 'nmae'"));
}

TEST_F(Apply, FoldersAreReadByNameAndBelowOnlyWhenAsked) {
  fs::create_directories(folder_ / "sub");
  const std::string one = R"({"kind":"policy","name":"p","result":"unchanged"})";
  write(kTwo, "b.toml");
  write(kTwo, "c.txt");
  write(kTwo, "sub/a.toml");
  Answers host({results(one), results(one), results(one)});
  EXPECT_EQ(run(apply, {"-f", folder_, "--api", host.url()}).out, "policy p unchanged\n");
  EXPECT_EQ(run(apply, {"-R", "-f", folder_, "--api", host.url()}).out,
            "policy p unchanged\npolicy p unchanged\n");
  EXPECT_EQ(run(apply, {"-f", folder_ / "sub/none"}).status, kBadUsage);
  EXPECT_EQ(run(apply, {}).status, kBadUsage);
}

TEST_F(Apply, DeleteOfAFileIsOneRequest) {
  const std::string path = write(std::string("[[policy]]\nname = \"q\"\nworkspace = \"w\"\ntype = "
                                             "\"flavor\"\nflavors = [\"cpu/x86\"]\n") +
                                 "[[environment]]\nname = \"production\"\n" + kTwo);
  Answers host({results(R"({"kind":"deployment","name":"a","result":"deleted"},
                           {"kind":"policy","name":"q","result":"absent"})"),
                http_answer(R"({"error":{"message":"policy p is still used by x"}})", "409 No")});
  const Ran ran = run(remove, {"-f", path, "-f", path, "--dry-run", "--api", host.url()});
  EXPECT_EQ(ran.status, kOk) << ran.err;
  EXPECT_EQ(ran.out, "deployment a deleted (dry run)\npolicy q absent (dry run)\n");
  EXPECT_EQ(run(remove, {"-f", path, "--api", host.url()}).err,
            "tenon delete: policy p is still used by x\n");
  host.join();
  EXPECT_THAT(host.requests[0], HasSubstr("POST /v0/apply?dryRun=true&ignoreAbsent=true "));
  EXPECT_THAT(host.requests[0],
              HasSubstr(R"({"name":"a","environment":"production","kind":"depl)"));
  EXPECT_THAT(host.requests[0], HasSubstr(R"({"name":"q","workspace":"w","kind":"policy"})"));
  EXPECT_THAT(host.requests[0],
              HasSubstr(R"("resources":[{"kind":"environment","spec":{"name":"production"}}])"));
}

TEST_F(Apply, DeleteByName) {
  const std::string gone = R"({"kind":"deployment","workspace":"default","name":"a",
      "environment":"dev","result":"deleted","before":{"x":1},"after":null})";
  Answers host({http_answer(gone), http_answer(R"({"error":{"message":"no"}})", "404 No")});
  EXPECT_EQ(run(remove, {"model", "a", "-e", "dev", "--dry-run", "--api", host.url()}).out,
            "deployment default/a@dev deleted (dry run)\n  - x = 1\n");
  EXPECT_EQ(run(remove, {"policy", "p", "--api", host.url()}).status, kRefused);
  for (const Arguments& words :
       std::vector<Arguments>{{}, {"model"}, {"audit", "x"}, {"model", "a", "-f", "x"}}) {
    EXPECT_EQ(run(remove, words).status, kBadUsage);
  }
}

TEST(SpecDiff, TellsEveryValueOnce) {
  EXPECT_THAT(spec_diff(nullptr, boost::json::parse(R"({"a":{"b":1},"c":"x\u001b"})")),
              ElementsAre("+ a.b = 1", "+ c = \"x\\u001b\""));
  EXPECT_THAT(spec_diff(boost::json::parse(R"({"a":1})"), boost::json::parse(R"({"a":1})")),
              ElementsAre());
}

}  // namespace
}  // namespace tenon::cli
