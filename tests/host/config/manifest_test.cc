#include "host/config/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "host/config/json_nodes.h"
#include "host/config/toml_writer.h"
#include "tests/host/config/fake_surroundings.h"

namespace tenon::config {
namespace {

using testing::ElementsAre;
namespace json = boost::json;

constexpr std::string_view kFleet = R"(
[[workspace]]
name = "team"
displayName = "The team"

[[location]]
name = "Portland"
country = "US"
continent = "na"

[[policy]]
name = "na-only"
type = "location"
locations = ["continent/NA", "location/portland"]

[[policy]]
name = "t4"
type = "flavor"
flavors = ["gpu/T4"]

[[policy]]
name = "daily"
type = "maxToken"
maxTokens = { granularity = "day", step = 2, total = 100000 }

[[environment]]
name = "staging"
policies = ["na-only", "daily"]
labels = { tier = "test", owner = "ops" }

[[deployment]]
model = "m"
environment = "staging"
runtime = "echo"
origin = "file:/models"
enabled = false
flavors = ["CPU/x86"]
policies = ["na-only"]
isolation = "worker"
[deployment.scale]
minReplicas = 1
maxReplicas = 3
lastReplicaRetention = "90s"
[deployment.limits]
queue = 7
maxWait = "1500ms"
[deployment.options]
rate = 2
prefix = "a\"b"
[deployment.env]
PLAIN = "x"
TOKEN = { value = "s3cret", secret = true }
)";

std::vector<Placed> read_all(std::string_view text, Problems& problems) {
  FakeSurroundings machine;
  auto document = Document::parse(text, problems);
  if (!document) return {};
  Table root = document->root();
  return read_resources(root, {"default", nullptr, nullptr, &machine});
}

std::string problems_of(std::string_view text) {
  Problems problems("f.toml");
  read_all(text, problems);
  return problems.text();
}

Draft from_json(Kind kind, const json::object& spec) {
  Problems problems;
  Document document(nodes_of(spec), problems);
  Draft draft;
  {
    Table root = document.root();
    draft = read_resource(kind, root, {.workspace = "default"});
  }
  EXPECT_EQ(problems.text(), "");
  return draft;
}

TEST(Manifest, HoldsEveryKind) {
  Problems problems("f.toml");
  const auto all = read_all(kFleet, problems);
  EXPECT_EQ(problems.text(), "");
  ASSERT_EQ(all.size(), 7u);
  EXPECT_EQ(to_string(all[0].draft.key), "workspace team");
  EXPECT_EQ(all[0].draft.naming.display_name, "The team");
  EXPECT_EQ(std::get<Location>(all[1].draft.spec), (Location{"portland", "us", "na"}));
  EXPECT_EQ(to_string(std::get<Policy>(all[2].draft.spec).locations.front()), "continent/na");
  EXPECT_EQ(std::get<Policy>(all[4].draft.spec).max_tokens,
            (MaxTokens{Granularity::kDay, 2, 0, 0, 100'000}));
  EXPECT_THAT(std::get<Environment>(all[5].draft.spec).policies, ElementsAre("na-only", "daily"));
  const auto& spec = std::get<DeploymentSpec>(all[6].draft.spec);
  EXPECT_EQ(to_string(all[6].draft.key), "deployment default/m@staging");
  EXPECT_FALSE(spec.enabled);
  EXPECT_THAT(spec.flavors, ElementsAre("cpu/x86"));
  EXPECT_THAT(spec.secrets, ElementsAre("TOKEN"));
  EXPECT_EQ(all[6].at.line, 31u);
}

TEST(Manifest, WhatWasReadIsWrittenAndReadAgain) {
  Problems problems("f.toml");
  for (const Placed& placed : read_all(kFleet, problems)) {
    const json::object written = spec_json(placed.draft, false);
    EXPECT_EQ(from_json(placed.draft.key.kind, written), placed.draft) << json::serialize(written);

    // The same through TOML.
    const std::string kind(to_string(placed.draft.key.kind));
    const std::string toml = to_toml(written, "[[" + kind + "]]");
    Problems none("again.toml");
    const auto again = read_all(toml, none);
    EXPECT_EQ(none.text(), "") << toml;
    ASSERT_EQ(again.size(), 1u) << toml;
    EXPECT_EQ(again[0].draft, placed.draft) << toml;
  }
}

TEST(Manifest, AStoredResourceIsReadBack) {
  Problems problems("f.toml");
  const auto all = read_all(kFleet, problems);
  const ResourceKey& key = all[6].draft.key;
  const auto draft = draft_of(key, json::serialize(spec_json(all[6].draft, false)));
  ASSERT_TRUE(draft) << draft.error().message;
  EXPECT_EQ(*draft, all[6].draft);
  EXPECT_NE(draft_of(key, R"({"model":"m","runtime":3})")
                .error()
                .message.find("runtime: 'runtime' must be a string"),
            std::string::npos);
}

TEST(Manifest, WhatACanaryStandsBesideIsStoredButNeverWritten) {
  constexpr std::string_view kCanary = R"(
[[deployment]]
model   = "m"
runtime = "echo"
origin  = "file:/models"
[deployment.canary]
weight = 10
)";
  Problems problems("f.toml");
  Draft draft = read_all(kCanary, problems).at(0).draft;
  EXPECT_EQ(problems.text(), "");
  auto& spec = std::get<DeploymentSpec>(draft.spec);
  EXPECT_EQ(spec.canary, (CanaryShare{10, 0}));
  spec.canary->stable = 3;
  const auto stored = draft_of(draft.key, json::serialize(spec_json(draft, false)));
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(*stored, draft);
  EXPECT_EQ(json::serialize(spec_json(draft, true).at("canary")), R"({"weight":10})");

  for (const auto& [wrong, why] :
       {std::pair("weight = 10\nstable = 3", "unknown key 'stable'"),
        std::pair("weight = 0", "'weight' must be from 1 to 99"),
        std::pair("weight = 100", "'weight' must be from 1 to 99"),
        std::pair("", "'weight' is missing: which percentage of the requests")}) {
    std::string text(kCanary);
    text.replace(text.find("weight = 10"), 11, wrong);
    Problems found("f.toml");
    read_all(text, found);
    EXPECT_NE(found.text().find(why), std::string::npos) << found.text();
  }
}

TEST(Manifest, SecretsAreNotShown) {
  Problems problems("f.toml");
  const auto all = read_all(kFleet, problems);
  const std::string shown = json::serialize(spec_json(all[6].draft, true));
  EXPECT_EQ(shown.find("s3cret"), std::string::npos) << shown;
  EXPECT_NE(shown.find(R"("TOKEN":{"secret":true})"), std::string::npos) << shown;
}

TEST(Manifest, MistakesOfJsonAreToldByPath) {
  const json::object spec =
      json::parse(R"({"name":"p","type":"flavor","flavors":["gpu/t4","t4"],"limit":null})")
          .get_object();
  Problems problems;
  Document document(nodes_of(spec), problems);
  {
    Table root = document.root();
    read_resource(Kind::kPolicy, root, {.workspace = "default"});
  }
  problems.name_lines(paths_of(spec));
  EXPECT_EQ(problems.text(),
            "flavors[1]: 't4' is no flavor: expected \"cpu/NAME\" or \"gpu/NAME\", such as "
            "\"cpu/x86\" or \"gpu/h100\"\n"
            "limit: unknown key 'limit'; known keys: displayName, flavors, labels, locations, "
            "maxTokens, name, type, workspace");
}

TEST(Manifest, PoliciesSayOneThing) {
  EXPECT_EQ(problems_of("[[policy]]\nname='p'\ntype='location'\nflavors=['cpu/x86']"),
            "f.toml:1:1: 'locations' is missing: a policy of type location says what is allowed "
            "with it\n"
            "f.toml:4:9: 'flavors' belongs to policies of type flavor; this one is of type "
            "location");
  EXPECT_EQ(problems_of("[[policy]]\nname='p'\ntype='maxToken'\nmaxTokens={granularity='day'}"),
            "f.toml:4:11: 'maxTokens' limits nothing: expected 'input', 'output' or 'total'");
  EXPECT_EQ(problems_of("[[policy]]\nname='p'\ntype='flavor'\nflavors=[]"),
            "f.toml:4:9: 'flavors' names nothing: a policy allows at least one");
}

TEST(Manifest, TwoOfOneNameAreOneTooMany) {
  EXPECT_EQ(problems_of("[[environment]]\nname='a'\n[[environment]]\nname='a'"),
            "f.toml:3:1: a second environment default/a; the first is at line 1");
}

TEST(Manifest, KindsHaveManyNames) {
  EXPECT_EQ(kind_of("models"), Kind::kDeployment);
  EXPECT_EQ(kind_of("env"), Kind::kEnvironment);
  EXPECT_EQ(kind_of("policies"), Kind::kPolicy);
  EXPECT_EQ(kind_of("pods"), std::nullopt);
  EXPECT_EQ(plural(Kind::kDeployment), "models");
}

}  // namespace
}  // namespace tenon::config
