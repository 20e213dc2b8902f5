// Manifests of the published form, both generations, as Tenon's own tables; and YAML itself.
#include "host/config/published.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/config/json_nodes.h"
#include "host/config/manifest.h"
#include "host/config/toml_nodes.h"
#include "host/config/toml_writer.h"
#include "host/config/yaml_manifest.h"
#include "host/config/yaml_nodes.h"

namespace tenon::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct Converted {
  std::string toml, errors, warnings;
  unsigned published = 0;
};

Converted convert(std::string_view text, const PublishedOptions& options = {}) {
  Problems errors("f"), warnings("f");
  const auto manifest = read_yaml_manifest(text, options, errors, warnings);
  Converted out{"", errors.text(), warnings.text(), 0};
  if (manifest) {
    out.toml = to_toml(json_of(manifest->root).as_object());
    out.published = manifest->published;
  }
  return out;
}

// What a reader of Tenon's files says of it; "" when all is well.
std::string check(const std::string& toml) {
  Problems problems("toml");
  if (auto document = Document::parse(toml, problems)) {
    Table root = document->root();
    read_resources(root, {});
  }
  return problems.text();
}

constexpr std::string_view kModel = R"(apiVersion: beamlit.com/v1alpha1
kind: Model
metadata:
  name: minilm
  displayName: MiniLM
  labels: {team: search}
  workspace: main
  environment: development
  createdAt: "2025-01-14T10:00:00Z"
spec:
  enabled: true
  runtime:
    type: huggingface
    model: sentence-transformers/all-MiniLM-L6-v2
    image: ghcr.io/huggingface/text-embeddings-inference:cpu-1.5
    envs:
      - {name: MAX_BATCH, value: "8"}
  serverlessConfig:
    minNumReplicas: 0
    maxNumReplicas: 4
    metric: concurrency
    target: "10"
    scaleUpMinimum: 2
    scaleDownDelay: 5s
    stableWindow: 1m
    lastPodRetentionPeriod: 30s
  flavors:
    - {name: x86, type: cpu}
  policies: [eu-only]
  configurations:
    TOKEN: {value: "${TOKEN}", secret: true}
status: DEPLOYED
events:
  - {type: Deploy, status: DEPLOYED, message: ok, time: now}
)";

TEST(Published, AModelOfTheSecondGeneration) {
  const auto out = convert(kModel, {.models = "models"});
  EXPECT_EQ(out.errors, "");
  EXPECT_EQ(out.warnings, "");
  EXPECT_EQ(out.published, 1u);
  EXPECT_EQ(out.toml, R"(
[[deployment]]
environment = "development"
model = "minilm"
workspace = "main"
displayName = "MiniLM"
enabled = true
origin = "file:models/all-MiniLM-L6-v2"
runtime = "tei"
flavors = ["cpu/x86"]
policies = ["eu-only"]

[deployment.labels]
team = "search"

[deployment.scale]
minReplicas = 0
maxReplicas = 4
metric = "concurrency"
target = 10
scaleUpMinimum = 2
scaleDownDelay = "5s"
stableWindow = "1m"
lastReplicaRetention = "30s"

[deployment.env]
MAX_BATCH = "8"

[deployment.env.TOKEN]
value = "${TOKEN}"
secret = true
)");
  EXPECT_EQ(check(out.toml), "");
}

TEST(Published, TheOlderFormHoldsDeploymentsInsideAModel) {
  const auto out = convert(R"(kind: Model
metadata:
  name: m
spec:
  display_name: My model
  deployments:
    - environment: production
      enabled: false
      policies: []
      flavors: []
      runtime: {model: org/m, type: huggingface}
    - environment: development
      runtime: {model: org/m, type: huggingface}
      serverless_config: {min_num_replicas: 1}
)",
                           {.runtime = "echo", .models = "/m"});
  EXPECT_EQ(out.errors, "");
  EXPECT_EQ(check(out.toml), "");
  EXPECT_THAT(out.toml, AllOf(HasSubstr("environment = \"production\"\nenabled = false"),
                              HasSubstr("origin = \"file:/m/m\"\nruntime = \"echo\""),
                              HasSubstr("[deployment.scale]\nminReplicas = 1"),
                              HasSubstr("displayName = \"My model\"")));
}

TEST(Published, PoliciesAndEnvironments) {
  const auto out = convert(R"(apiVersion: beamlit.com/v1alpha1
kind: Policy
metadata: {name: west}
spec:
  type: location
  locations: [{type: country, name: US}, {type: continent, name: eu}]
  resourceTypes: [model, agent]
---
apiVersion: authorization.beamlit.com/v1alpha1
kind: Policy
metadata: {name: small, namespace: default}
spec: {displayName: Small, type: flavor, flavors: [{type: gpu, name: t4}]}
---
apiVersion: beamlit.com/v1alpha1
kind: Policy
metadata: {name: budget}
spec: {type: maxToken, maxTokens: {granularity: day, step: 1, input: 0, total: 1000, ratioInputOverOutput: 0}}
---
apiVersion: beamlit.com/v1alpha1
kind: Environment
metadata: {name: production}
spec: {policies: [west, budget]}
)");
  EXPECT_EQ(out.errors, "");
  EXPECT_EQ(out.warnings, "f:7:18: 'resourceTypes': only models are here");
  EXPECT_EQ(out.published, 4u);
  EXPECT_EQ(check(out.toml), "");
  EXPECT_THAT(out.toml, AllOf(HasSubstr("locations = [\"country/us\", \"continent/eu\"]"),
                              HasSubstr("flavors = [\"gpu/t4\"]"), HasSubstr("total = 1000"),
                              HasSubstr("policies = [\"west\", \"budget\"]")));
}

TEST(Published, ObjectsOfTheApiHaveNoKind) {
  const auto out = convert(
      R"([{"metadata": {"name": "a", "environment": "production", "createdBy": null},
           "spec": {"enabled": true, "runtime": {"type": "huggingface", "model": "b", "organization": "o",
                    "image": "x/text-generation-inference:2"}, "sandbox": false},
           "status": "DEPLOYED", "events": []},
          {"model": "old", "environment": "development", "enabled": true, "labels": {},
           "runtime": {"type": "huggingface", "model": "o/b"}, "flavors": [], "policies": []}])",
      {.runtime = "tgi"});
  EXPECT_EQ(out.errors, "");
  EXPECT_EQ(out.published, 2u);
  EXPECT_THAT(out.toml, AllOf(HasSubstr("origin = \"hf:o/b\""), HasSubstr("model = \"old\"")));
}

TEST(Published, WhatHasNoPlaceIsAnErrorOrNamedWhenItIsLeftOut) {
  constexpr std::string_view kOdd = R"(apiVersion: beamlit.com/v1alpha1
kind: Model
metadata: {name: a}
spec:
  runtime:
    type: openai
    model: gpt
    args: [--x]
    servingPort: 80
  podTemplate: {spec: {}}
---
apiVersion: beamlit.com/v1alpha1
kind: Agent
metadata: {name: b}
)";
  const auto strict = convert(kOdd);
  EXPECT_EQ(strict.toml, "");
  EXPECT_THAT(strict.errors,
              AllOf(HasSubstr("f:6:11: runtime.type 'openai'"), HasSubstr("f:8:5: 'args'"),
                    HasSubstr("f:10:3: 'podTemplate'"), HasSubstr("f:13:7: kind 'Agent'"),
                    HasSubstr("as in --runtime tei")));
  const auto lossy = convert(kOdd, {.runtime = "tei", .lossy = true});
  EXPECT_EQ(lossy.errors, "");
  EXPECT_THAT(lossy.warnings, AllOf(HasSubstr("'args'"), HasSubstr("'servingPort'"),
                                    HasSubstr("'podTemplate'"), HasSubstr("'Agent'")));
  EXPECT_THAT(lossy.toml, HasSubstr("origin = \"hf:gpt\""));
  EXPECT_THAT(convert("apiVersion: beamlit.com/v1alpha1\nkind: Policy\nmetadata: {name: a}\n"
                      "spec: {tpye: flavor}\n")
                  .errors,
              HasSubstr("unknown key 'tpye'"));
}

// The same object whatever it was written in.
TEST(Yaml, OwnResourcesAreReadAsTheyArePrinted) {
  const auto out = convert(R"(---
kind: "policy"
metadata:
  name: "p"
  version: 3
spec:
  name: "p"
  type: "flavor"
  flavors:
    - "cpu/x86"
---
kind: "environment"
spec: {name: "staging", policies: ["p"]}
)");
  EXPECT_EQ(out.errors, "");
  EXPECT_EQ(out.published, 0u);
  EXPECT_EQ(out.toml,
            "\n[[policy]]\nname = \"p\"\ntype = \"flavor\"\nflavors = [\"cpu/x86\"]\n"
            "\n[[environment]]\nname = \"staging\"\npolicies = [\"p\"]\n");
  EXPECT_EQ(convert("policy: [{name: p, type: flavor, flavors: [cpu/x86]}]\n"
                    "environment: [{name: staging, policies: [p]}]\n")
                .toml,
            out.toml);
  EXPECT_EQ(convert(R"({"items": [{"kind": "policy", "spec": {"name": "p", "type": "flavor",
                       "flavors": ["cpu/x86"]}}, {"kind": "environment",
                       "spec": {"name": "staging", "policies": ["p"]}}], "next": null})")
                .toml,
            out.toml);
  EXPECT_EQ(convert("policy: [~, {name: [a, ~], x: [{y: ~}, 1]}]\n").toml,
            "policy = [{ name = [\"a\"], x = [{  }, 1] }]\n");  // TOML has no null
  EXPECT_THAT(convert("kind: polizei\nspec: {}\n").errors, HasSubstr("f:1:7: 'kind' must be"));
  EXPECT_THAT(convert("kind: policy\nspce: {}\n").errors, HasSubstr("'spec' is missing"));
  EXPECT_THAT(convert("just words\n").errors, HasSubstr("found a string"));
}

std::string refused(std::string_view text) {
  Problems problems("f");
  EXPECT_FALSE(parse_yaml(text, problems)) << text;
  return problems.text();
}

TEST(Yaml, PlainWordsAreWhatTheStandardSays) {
  Problems problems;
  const auto documents = parse_yaml(
      "[yes, no, true, ~, 12, -3, 0x10, 1.5, 1e3, 0777, 1:30, '12', \"true\", 1.2.3]", problems);
  ASSERT_TRUE(documents) << problems.text();
  std::vector<std::string> types;
  for (const Node& node : documents->at(0).children) types.emplace_back(type_name(node));
  EXPECT_THAT(types, ElementsAre("a string", "a string", "a boolean", "null", "an integer",
                                 "an integer", "an integer", "a number", "a number", "an integer",
                                 "a string", "a string", "a string", "a string"));
  EXPECT_EQ(documents->at(0).children[6].integer, 16);
}

TEST(Yaml, WhatNoManifestNeedsIsRefused) {
  EXPECT_THAT(refused("a: 1\nb: 2\na: 3\n"),
              HasSubstr("f:3:1: a second 'a'; the first is at line 1"));
  EXPECT_THAT(refused("a: !!binary x\n"), HasSubstr("f:1:4: the tag"));
  EXPECT_THAT(refused("a: &x {b: 1}\nc: {<<: *x}\n"), HasSubstr("merge key"));
  EXPECT_THAT(refused("? [a]\n: b\n"), HasSubstr("a key that is no text"));
  EXPECT_THAT(refused("a: [1, 2\n"), HasSubstr("no YAML"));
  EXPECT_THAT(refused("a: &x [*x]\n"), HasSubstr("alias"));
  EXPECT_THAT(refused(", x]\n"), HasSubstr("f:1:1: no YAML"));
  EXPECT_THAT(refused("a: 1\n---\n] b\n"), HasSubstr("no YAML"));
  EXPECT_THAT(refused(std::string(100, '[') + std::string(100, ']')), HasSubstr("deeper than"));
  EXPECT_THAT(refused(std::string(100'000, '[')), HasSubstr("f:1:"));
}

TEST(Yaml, AFewAliasesDoNotBecomeABillion) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) {
      bomb += (k ? ", *a" : "*a") + std::to_string(i - 1);
    }
    bomb += "]\n";
  }
  EXPECT_THAT(refused(bomb), HasSubstr("that is no manifest"));
  Problems problems;
  const auto fine = parse_yaml("a: &x {b: 1}\nc: *x\n", problems);
  ASSERT_TRUE(fine);
  EXPECT_EQ(fine->at(0).find("c")->find("b")->integer, 1);
}

}  // namespace
}  // namespace tenon::config
