#include "host/control/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace tenon::control {
namespace {

using store::Done;
using testing::ElementsAre;
using testing::HasSubstr;

Draft workspace(std::string name) {
  return {{Kind::kWorkspace, "", name, ""}, {}, Workspace{name}};
}
Draft environment(std::string name, std::vector<std::string> policies = {}) {
  return {{Kind::kEnvironment, "w", name, ""}, {}, Environment{name, std::move(policies)}};
}
Draft location(std::string name, std::string country, std::string continent) {
  return {{Kind::kLocation, "", name, ""}, {}, Location{name, country, continent}};
}
Draft places(std::string name, std::vector<std::string> allowed) {
  Policy policy;
  policy.name = name;
  for (const std::string& text : allowed) policy.locations.push_back(*parse_location_ref(text));
  return {{Kind::kPolicy, "w", name, ""}, {}, policy};
}
Draft deployment(std::string model, std::string environment = "production",
                 std::vector<std::string> policies = {}) {
  DeploymentSpec spec;
  spec.key = {"w", model, environment};
  spec.runtime = "echo";
  spec.model_path = "/models/" + model;
  spec.policies = std::move(policies);
  return {{Kind::kDeployment, "w", model, environment}, {}, spec};
}

class PlanTest : public ::testing::Test {
 protected:
  void have(Draft draft, std::string managed_by = "api") {
    std::erase_if(now_.entries, [&](const auto& entry) { return entry->key() == draft.key; });
    now_.entries.push_back(std::make_shared<const Entry>(Entry{
        .draft = std::move(draft),
        .version = ++now_.version,
        .revision = 1,
        .authors = std::make_shared<const Authors>(Authors{.managed_by = std::move(managed_by)})}));
    std::ranges::sort(now_.entries, {}, Snapshot::key_of);
  }
  void have_workspace() {
    have(workspace("w"));
    have(environment("production"));
    have(environment("development"));
  }

  std::vector<Done> done(const std::vector<Wish>& wishes) {
    const auto planned = plan(now_, wishes, who_, ground_);
    if (!planned) {
      for (const Refused& refused : planned.error()) ADD_FAILURE() << refused.message;
      return {};
    }
    std::vector<Done> out;
    for (const Planned& each : planned->outcomes) out.push_back(each.done);
    return out;
  }
  // The code and message of the first refusal.
  std::string refused(const std::vector<Wish>& wishes) {
    const auto planned = plan(now_, wishes, who_, ground_);
    if (planned) return "not refused";
    return std::string(planned.error().front().code.code) + ": " + planned.error().front().message;
  }

  Snapshot now_;
  Who who_{"key ci", "api", true, false};
  Ground ground_{.model_roots = {}, .replicas = 16};
};

TEST_F(PlanTest, SaysWhatEachWishWouldDo) {
  have_workspace();
  have(deployment("a"));
  have(deployment("b"));
  Draft changed = deployment("b");
  std::get<DeploymentSpec>(changed.spec).scale.max_replicas = 5;
  EXPECT_THAT(done({{.draft = deployment("a")},
                    {.draft = changed},
                    {.draft = deployment("c")},
                    {.draft = environment("staging")}}),
              ElementsAre(Done::kUnchanged, Done::kConfigured, Done::kCreated, Done::kCreated));
}

TEST_F(PlanTest, ANewWorkspaceHasItsTwoEnvironments) {
  const std::vector<Wish> wishes = {{.draft = workspace("w")}, {.draft = deployment("a")}};
  const auto planned = plan(now_, wishes, who_, ground_);
  ASSERT_TRUE(planned);
  std::vector<std::string> written;
  for (const Write& write : planned->writes) written.push_back(to_string(write.draft.key));
  EXPECT_THAT(written, ElementsAre("workspace w", "deployment w/a@production",
                                   "environment w/production", "environment w/development"));
}

TEST_F(PlanTest, AllOrNothing) {
  have_workspace();
  const std::vector<Wish> wishes = {{.draft = deployment("a")},
                                    {.draft = deployment("b", "nowhere")},
                                    {.draft = deployment("c", "production", {"missing"})}};
  const auto planned = plan(now_, wishes, who_, ground_);
  ASSERT_FALSE(planned);
  ASSERT_EQ(planned.error().size(), 2u);
  EXPECT_EQ(planned.error()[0].wish, 1u);
  EXPECT_THAT(planned.error()[0].message,
              HasSubstr("there is no environment 'nowhere' in workspace 'w'; it has development, "
                        "production"));
  EXPECT_THAT(planned.error()[1].message, HasSubstr("there is no policy 'missing'"));
}

TEST_F(PlanTest, VersionsAreHeldTo) {
  have_workspace();
  have(deployment("a"));
  EXPECT_THAT(refused({{.draft = deployment("a"), .version = 9}}),
              HasSubstr("VERSION_CONFLICT: deployment w/a@production has version 4, the request is "
                        "for version 9"));
  EXPECT_THAT(refused({{.draft = deployment("b"), .version = 9}}), HasSubstr("does not exist"));
  EXPECT_THAT(refused({{.draft = deployment("a"), .version = 0}}), HasSubstr("VERSION_CONFLICT"));
  EXPECT_THAT(done({{.draft = deployment("a"), .version = 4}}), ElementsAre(Done::kUnchanged));
}

TEST_F(PlanTest, AFilesResourceIsChangedInItsFileOrByForce) {
  have_workspace();
  have(deployment("a"), "file:/etc/fleet.toml");
  Draft changed = deployment("a");
  std::get<DeploymentSpec>(changed.spec).scale.max_replicas = 5;
  EXPECT_THAT(refused({{.draft = changed}}),
              HasSubstr("MANAGED_ELSEWHERE: deployment w/a@production is managed by "
                        "file:/etc/fleet.toml"));
  EXPECT_THAT(refused({{.draft = deployment("a"), .remove = true}}),
              HasSubstr("MANAGED_ELSEWHERE"));
  who_.force = true;
  EXPECT_THAT(done({{.draft = changed}}), ElementsAre(Done::kConfigured));
}

TEST_F(PlanTest, WhatAManagerThatIsGoneHeldIsTakenOver) {
  have_workspace();
  have(deployment("a"), "file:/old.toml");
  who_.managed_by = "file:/new.toml";
  Draft changed = deployment("a");
  std::get<DeploymentSpec>(changed.spec).scale.max_replicas = 5;
  EXPECT_THAT(refused({{.draft = changed}}), HasSubstr("is managed by file:/old.toml"));
  who_.heir_of = {"file:/old.toml"};
  EXPECT_THAT(done({{.draft = changed}}), ElementsAre(Done::kConfigured));
  const std::vector<Wish> same = {{.draft = deployment("a")}};
  const auto planned = plan(now_, same, who_, ground_);
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->outcomes[0].done, Done::kUnchanged);
  ASSERT_EQ(planned->writes.size(), 1u);
  EXPECT_EQ(planned->writes[0].managed_by, "file:/new.toml");
}

TEST_F(PlanTest, AWorkspaceGoesWithAllThatItHolds) {
  have_workspace();
  have(places("eu", {"continent/eu"}));
  have(environment("staging", {"eu"}));
  have(deployment("a", "staging", {"eu"}));
  const std::vector<Wish> all = {
      {.draft = {workspace("w").key, {}, {}}, .remove = true},
      {.draft = {environment("staging").key, {}, {}}, .remove = true},
      {.draft = {places("eu", {}).key, {}, {}}, .remove = true},
      {.draft = {deployment("a", "staging").key, {}, {}}, .remove = true}};
  const auto planned = plan(now_, all, who_, ground_);
  ASSERT_TRUE(planned) << planned.error().front().message;
  std::vector<std::string> written;
  for (const Write& write : planned->writes) {
    EXPECT_TRUE(write.remove);
    written.push_back(to_string(write.draft.key));
  }
  EXPECT_THAT(written,
              testing::UnorderedElementsAre("workspace w", "environment w/staging", "policy w/eu",
                                            "deployment w/a@staging", "environment w/production",
                                            "environment w/development"));
}

TEST_F(PlanTest, AnEmptyIntersectionIsRefusedWithBothSets) {
  have_workspace();
  have(location("paris-1", "fr", "eu"));
  have(location("portland", "us", "na"));
  have(places("eu", {"continent/eu"}));
  have(places("us", {"country/us"}));
  have(environment("production", {"eu"}));
  EXPECT_THAT(done({{.draft = deployment("a")}}), ElementsAre(Done::kCreated));
  const std::string why = refused({{.draft = deployment("b", "production", {"us"})}});
  EXPECT_THAT(why, HasSubstr("POLICY_VIOLATION"));
  EXPECT_THAT(why, HasSubstr("continent/eu"));
  EXPECT_THAT(why, HasSubstr("country/us"));
}

TEST_F(PlanTest, AChangeOfAnEnvironmentIsHeldAgainstItsDeployments) {
  have_workspace();
  have(location("paris-1", "fr", "eu"));
  have(location("portland", "us", "na"));
  have(places("eu", {"continent/eu"}));
  have(places("us", {"country/us"}));
  have(deployment("a", "production", {"us"}));
  EXPECT_THAT(refused({{.draft = environment("production", {"eu"})}}),
              HasSubstr("deployment w/a@production"));
  EXPECT_THAT(done({{.draft = environment("production", {"eu", "us"})}}),
              ElementsAre(Done::kConfigured));
  EXPECT_THAT(refused({{.draft = places("us", {"continent/eu"})},
                       {.draft = environment("production", {"us"})},
                       {.draft = location("portland", "us", "na"), .remove = true},
                       {.draft = location("paris-1", "fr", "eu"), .remove = true}}),
              HasSubstr("POLICY_VIOLATION"));
}

TEST_F(PlanTest, ByForceAnEnvironmentLeavesADeploymentNothing) {
  have_workspace();
  have(location("paris-1", "fr", "eu"));
  have(location("portland", "us", "na"));
  have(places("eu", {"continent/eu"}));
  have(places("us", {"country/us"}));
  have(deployment("a", "production", {"us"}));
  who_.force = true;
  EXPECT_THAT(done({{.draft = environment("production", {"eu"})}}), ElementsAre(Done::kConfigured));
  // What is written itself must still have a place.
  EXPECT_THAT(refused({{.draft = environment("production", {"eu"})},
                       {.draft = deployment("b", "production", {"us"})}}),
              HasSubstr("deployment w/b@production"));
}

TEST_F(PlanTest, WhatIsInUseStays) {
  have_workspace();
  have(environment("staging"));
  have(places("eu", {"continent/eu"}));
  have(location("paris-1", "fr", "eu"));
  have(environment("production", {"eu"}));
  have(deployment("a", "staging"));
  EXPECT_THAT(refused({{.draft = places("eu", {"continent/eu"}), .remove = true}}),
              HasSubstr("IN_USE: policy w/eu is still used by environment w/production"));
  EXPECT_THAT(refused({{.draft = environment("staging"), .remove = true}}),
              HasSubstr("still holds deployment w/a@staging"));
  EXPECT_THAT(refused({{.draft = environment("development"), .remove = true}}),
              HasSubstr("every workspace has production and development"));
  EXPECT_THAT(refused({{.draft = workspace("w"), .remove = true}}), HasSubstr("still holds"));
  EXPECT_THAT(done({{.draft = deployment("a", "staging"), .remove = true},
                    {.draft = environment("staging"), .remove = true}}),
              ElementsAre(Done::kDeleted, Done::kDeleted));
}

TEST_F(PlanTest, OnlyTheTrustedReachTheHost) {
  have_workspace();
  ground_.model_roots = {"/models"};
  who_.trusted = false;
  EXPECT_THAT(done({{.draft = deployment("a")}}), ElementsAre(Done::kCreated));
  Draft outside = deployment("b");
  std::get<DeploymentSpec>(outside.spec).model_path = "/models-too/b";
  EXPECT_THAT(refused({{.draft = outside}}), HasSubstr("FORBIDDEN: origin: /models-too/b"));
  Draft inside = deployment("c");
  std::get<DeploymentSpec>(inside.spec).isolation = Isolation::kHost;
  EXPECT_THAT(refused({{.draft = inside}}), HasSubstr("only an admin may set \"host\""));
  who_.trusted = true;
  EXPECT_THAT(done({{.draft = outside}, {.draft = inside}}),
              ElementsAre(Done::kCreated, Done::kCreated));
}

TEST_F(PlanTest, TokenPoliciesRuleNoPlaces) {
  have_workspace();
  Policy daily;
  daily.name = "daily";
  daily.type = PolicyType::kMaxToken;
  daily.max_tokens.total = 1'000;
  have({{Kind::kPolicy, "w", "daily", ""}, {}, daily});
  EXPECT_THAT(done({{.draft = environment("production", {"daily"})},
                    {.draft = deployment("a", "production", {"daily"})}}),
              ElementsAre(Done::kConfigured, Done::kCreated));
}

TEST_F(PlanTest, WhatTheHostMadeIsTakenOverByWhoComesFirst) {
  have(workspace("w"), "host");
  have(environment("production"), "host");
  have(environment("development"), "host");
  have(location("paris-1", "fr", "eu"));
  have(places("eu", {"continent/eu"}));
  who_.managed_by = "file:/etc/fleet.toml";
  const std::vector<Wish> wishes = {{.draft = environment("production", {"eu"})}};
  const auto planned = plan(now_, wishes, who_, ground_);
  ASSERT_TRUE(planned);
  EXPECT_EQ(planned->writes.front().managed_by, "file:/etc/fleet.toml");
}

TEST_F(PlanTest, TheEnvironmentsOfANewWorkspaceAreTheHosts) {
  const std::vector<Wish> wishes = {{.draft = workspace("w")}};
  const auto planned = plan(now_, wishes, who_, ground_);
  ASSERT_TRUE(planned);
  ASSERT_EQ(planned->writes.size(), 3u);
  EXPECT_EQ(planned->writes[0].managed_by, "api");
  EXPECT_EQ(planned->writes[1].managed_by, kMadeByHost);
}

TEST_F(PlanTest, StandingReplicasMustFitTogether) {
  have_workspace();
  ground_.replicas = 3;
  Draft two = deployment("a"), more = deployment("b");
  std::get<DeploymentSpec>(two.spec).scale = {.min_replicas = 2, .max_replicas = 2};
  std::get<DeploymentSpec>(more.spec).scale = {.min_replicas = 2, .max_replicas = 2};
  have(two);
  EXPECT_THAT(refused({{.draft = more}}),
              HasSubstr("scale.minReplicas: with deployment w/b@production they add up to 4, but "
                        "'replicas' in [host.limits] is 3"));
}

TEST_F(PlanTest, ACanaryStandsBesideWhatItFollows) {
  have_workspace();
  ground_.replicas = 3;
  Draft old = deployment("a"), young = deployment("a");
  std::get<DeploymentSpec>(old.spec).scale = {.min_replicas = 2, .max_replicas = 2};
  auto& spec = std::get<DeploymentSpec>(young.spec);
  spec.scale = {.min_replicas = 2, .max_replicas = 3};
  spec.canary = CanaryShare{10, 0};
  have(old);
  EXPECT_THAT(refused({{.draft = young}}), HasSubstr("they add up to 4"));
  spec.scale.min_replicas = 1;
  const std::vector<Wish> wishes = {{.draft = young}};
  const auto planned = plan(now_, wishes, who_, ground_);
  ASSERT_TRUE(planned);
  const auto& written = std::get<DeploymentSpec>(planned->writes.at(0).draft.spec);
  EXPECT_EQ(written.canary, (CanaryShare{10, 1}));
}

TEST_F(PlanTest, ACanaryOfWhatServesAlreadyIsNone) {
  have_workspace();
  have(deployment("a"));
  Draft same = deployment("a"), fresh = deployment("b");
  std::get<DeploymentSpec>(same.spec).canary = CanaryShare{10, 0};
  std::get<DeploymentSpec>(fresh.spec).canary = CanaryShare{10, 0};
  EXPECT_THAT(done({{.draft = same}, {.draft = fresh}}),
              ElementsAre(Done::kUnchanged, Done::kCreated));
}

TEST_F(PlanTest, ASecretWithoutAValueIsRefused) {
  have_workspace();
  Draft draft = deployment("a");
  auto& spec = std::get<DeploymentSpec>(draft.spec);
  spec.environment = {{"TOKEN", ""}};
  spec.secrets = {"TOKEN"};
  EXPECT_THAT(refused({{.draft = draft}}), HasSubstr("env.TOKEN: a secret needs a value"));
  spec.environment = {{"TOKEN", "x"}};
  EXPECT_THAT(done({{.draft = draft}}), ElementsAre(Done::kCreated));
}

TEST_F(PlanTest, NothingIsChangedTwice) {
  have_workspace();
  EXPECT_THAT(refused({{.draft = deployment("a")}, {.draft = deployment("a")}}),
              HasSubstr("changed twice"));
  EXPECT_THAT(refused({{.draft = deployment("a"), .remove = true}}),
              HasSubstr("RESOURCE_NOT_FOUND"));
}

}  // namespace
}  // namespace tenon::control
