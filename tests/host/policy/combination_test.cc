#include "host/policy/combination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/host/policy/levels.h"

namespace tenon::policy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Names = std::set<std::string>;

const std::vector<Site> kWorld = {
    site("portland", "us", "na", {"cpu/x86", "gpu/t4", "gpu/l4"}),
    site("reston", "us", "na", {"cpu/x86"}),
    site("toronto", "ca", "na", {"cpu/x86", "gpu/t4"}),
    site("paris", "fr", "eu", {"cpu/x86", "gpu/t4"}),
    site("frankfurt", "de", "eu", {"cpu/x86", "gpu/h100"}),
    site("tokyo", "jp", "as", {"cpu/x86", "gpu/t4"}),
};
const Names kNaOrEu = {"portland", "reston", "toronto", "paris", "frankfurt"};
const Names kUs = {"portland", "reston"};
const std::set<Flavor> kT4 = {{FlavorType::kGpu, "t4"}};

// The policies of the published examples.
const Policy kA = location_policy("a", {"country/us"});
const Policy kB = location_policy("b", {"continent/na", "continent/eu"});
const Policy kC = flavor_policy("c", {"gpu/t4"});

Effective combined(std::vector<const Policy*> of_environment,
                   std::vector<const Policy*> of_deployment) {
  const auto result = combine(environment(of_environment), deployment(of_deployment), kWorld);
  EXPECT_TRUE(result) << result.error().message;
  return result.value_or(Effective{});
}

TEST(PublishedExamples, EnvironmentAB_AnywhereInNaOrEuOnAnyHardware) {
  EXPECT_EQ(combined({&kA, &kB}, {}), (Effective{kNaOrEu, {}, {}}));
}

TEST(PublishedExamples, EnvironmentBC_NaOrEuOnlyT4) {
  EXPECT_EQ(combined({&kB, &kC}, {}), (Effective{kNaOrEu, kT4, {}}));
}

TEST(PublishedExamples, EnvironmentAC_UsOnlyT4) {
  EXPECT_EQ(combined({&kA, &kC}, {}), (Effective{kUs, kT4, {}}));
}

TEST(PublishedExamples, EnvironmentABC_NaOrEuOnlyT4) {
  EXPECT_EQ(combined({&kA, &kB, &kC}, {}), (Effective{kNaOrEu, kT4, {}}));
}

TEST(PublishedExamples, EnvironmentADeploymentB_UsOnlyOnAnyHardware) {
  EXPECT_EQ(combined({&kA}, {&kB}), (Effective{kUs, {}, {}}));
}

TEST(PublishedExamples, EnvironmentBDeploymentA_TheSameUsOnly) {
  EXPECT_EQ(combined({&kB}, {&kA}), (Effective{kUs, {}, {}}));
}

TEST(PublishedExamples, EnvironmentBDeploymentC_NaOrEuOnlyT4) {
  EXPECT_EQ(combined({&kB}, {&kC}), (Effective{kNaOrEu, kT4, {}}));
}

TEST(PublishedExamples, EnvironmentADeploymentBC_UsOnlyT4) {
  EXPECT_EQ(combined({&kA}, {&kB, &kC}), (Effective{kUs, kT4, {}}));
}

TEST(PublishedExamples, EnvironmentsPage_UsOrAsiaOnT4) {
  const Policy asia = location_policy("asia", {"continent/as"});
  EXPECT_EQ(combined({&kA, &asia, &kC}, {}),
            (Effective{Names{"portland", "reston", "tokyo"}, kT4, {}}));
}

TEST(Combination, WithoutPoliciesEverythingIsAllowedAlsoPlacesYetToCome) {
  const Effective all = combined({}, {});
  EXPECT_EQ(all, Effective{});
  EXPECT_TRUE(allows(all, {"elsewhere", "xx", "yy"}, {FlavorType::kGpu, "b200"}));
}

TEST(Combination, APolicyWithoutOptionsAllowsAll) {
  const Policy open = location_policy("open", {});
  EXPECT_EQ(combined({&open}, {}), Effective{});
  EXPECT_EQ(combined({&open, &kA}, {}), Effective{});
  EXPECT_EQ(combined({&open}, {&kA}), (Effective{kUs, {}, {}}));
}

TEST(Combination, TokenPoliciesSayNothingAboutPlaces) {
  const Policy tokens{.name = "tokens", .type = PolicyType::kMaxToken, .max_tokens = {.total = 1}};
  EXPECT_EQ(combined({&tokens}, {&tokens, &kA}), (Effective{kUs, {}, {}}));
}

TEST(Combination, DisjointLocationsAreRefusedNamingBothSetsAndTheirPolicies) {
  const Policy eu = location_policy("eu-only", {"continent/eu"});
  const auto result = combine(environment({&kA}), deployment({&eu}), kWorld);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInvalid);
  EXPECT_EQ(result.error().message,
            "no location is allowed by both: environment production allows country/us (policy a), "
            "that is portland or reston; deployment default/m@production allows continent/eu "
            "(policy eu-only), that is frankfurt or paris");
}

TEST(Combination, DisjointFlavorsAreRefusedNamingBothSetsAndTheirPolicies) {
  const Policy h100 = flavor_policy("big", {"gpu/h100", "gpu/h200"});
  const auto result = combine(environment({&kC}), deployment({&h100}), kWorld);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "no flavor is allowed by both: environment production allows gpu/t4 (policy c); "
            "deployment default/m@production allows gpu/h100 or gpu/h200 (policy big)");
}

TEST(Combination, APolicyForPlacesWhereNothingIsRegisteredIsRefused) {
  const Policy south = location_policy("south", {"continent/sa"});
  const std::vector<Site> here = {site("here", "fr", "eu", {"cpu/x86"})};
  EXPECT_EQ(combine(environment({&south}), deployment(), here).error().message,
            "environment production allows continent/sa (policy south), but no location is "
            "registered there; registered are here (fr, eu)");
  EXPECT_THAT(combine(environment(), deployment({&south}), {}).error().message,
              HasSubstr("none is registered at all: a [[location]] says where a host is"));
  // One of several alternatives may be a place of the future.
  EXPECT_TRUE(combine(environment({&south, &kB}), deployment(), here));
}

TEST(Combination, TypesThatNoLocationFulfilsAtOnceAreRefused) {
  const Policy h100 = flavor_policy("big", {"gpu/h100"});
  const auto result = combine(environment({&kA}), deployment({&h100}), kWorld);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "no allowed location offers gpu/h100: environment production allows country/us "
            "(policy a); deployment default/m@production allows gpu/h100 (policy big); portland "
            "offers cpu/x86, gpu/l4 or gpu/t4, reston offers cpu/x86");
}

TEST(Combination, ALocationWhoseHardwareIsUnknownRulesNothingOut) {
  std::vector<Site> sites = {{{"away", "us", "na"}, {}}};
  EXPECT_TRUE(combine(environment({&kA, &kC}), deployment(), sites));
  sites[0].flavors.emplace();
  EXPECT_THAT(combine(environment({&kA, &kC}), deployment(), sites).error().message,
              HasSubstr("away offers nothing"));
}

TEST(ListedFlavors, NoneMeansCpu) {
  const auto result = combine_for(environment({&kA}), deployment(), {}, kWorld);
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, (Effective{kUs, {}, FlavorType::kCpu}));
  EXPECT_TRUE(allows(*result, kWorld[0].location, {FlavorType::kCpu, "arm64"}));
  EXPECT_FALSE(allows(*result, kWorld[0].location, {FlavorType::kGpu, "t4"}));
}

TEST(ListedFlavors, NoneAmongPoliciesMeansTheirCpuFlavors) {
  const Policy mixed = flavor_policy("mixed", {"cpu/x86", "gpu/t4"});
  EXPECT_EQ(combine_for(environment({&mixed}), deployment(), {}, kWorld)->flavors,
            (std::set<Flavor>{{FlavorType::kCpu, "x86"}}));
  EXPECT_EQ(combine_for(environment({&kC}), deployment(), {}, kWorld).error().message,
            "deployment default/m@production lists no flavor, which means CPU, but the flavors "
            "allowed are gpu/t4: environment production allows gpu/t4 (policy c)");
}

TEST(ListedFlavors, OnlyThoseThatThePoliciesAllowAreRunOn) {
  const auto result =
      combine_for(environment({&kC}), deployment(), flavors({"gpu/l4", "gpu/t4"}), kWorld);
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, (Effective{{}, kT4, FlavorType::kGpu}));
  EXPECT_THAT(
      combine_for(environment({&kC}), deployment(), flavors({"gpu/l4"}), kWorld).error().message,
      AllOf(HasSubstr("lists gpu/l4"), HasSubstr("policy c")));
}

TEST(ListedFlavors, CpuAndGpuAreNeverMixed) {
  EXPECT_EQ(combine_for(environment(), deployment(), flavors({"gpu/t4", "cpu/x86"}), kWorld)
                .error()
                .message,
            "flavors cpu/x86 and gpu/t4 are in one list: expected only CPU flavors or only GPU "
            "flavors");
}

TEST(ListedFlavors, OneThatNoAllowedLocationOffersIsRefused) {
  EXPECT_THAT(
      combine_for(environment({&kA}), deployment(), flavors({"gpu/h100"}), kWorld).error().message,
      AllOf(HasSubstr("no allowed location offers gpu/h100"), HasSubstr("policy a")));
  EXPECT_THAT(
      combine_for(environment(), deployment(), flavors({"gpu/b200"}), kWorld).error().message,
      HasSubstr("no policy says where or on what; portland offers"));
}

TEST(ListedFlavors, OneOutsideThePoliciesIsRefusedWithItsNameAndThePolicys) {
  EXPECT_TRUE(check_listed(environment({&kC}), deployment(), flavors({"gpu/t4"})));
  EXPECT_TRUE(check_listed(environment(), deployment(), flavors({"gpu/anything"})));
  EXPECT_EQ(
      check_listed(environment({&kC}), deployment(), flavors({"gpu/t4", "gpu/l4"})).error().message,
      "flavor gpu/l4 is not allowed: environment production allows gpu/t4 (policy c)");
  EXPECT_THAT(check_listed(environment(), deployment({&kC}), flavors({"cpu/x86"})).error().message,
              HasSubstr("deployment default/m@production allows gpu/t4 (policy c)"));
}

TEST(Placement, SaysWhichPolicyForbidsIt) {
  const Flavor t4{FlavorType::kGpu, "t4"};
  const Location& portland = kWorld[0].location;
  const Location& paris = kWorld[3].location;
  EXPECT_TRUE(check_placement(environment({&kA}), deployment({&kB, &kC}), portland, t4));
  EXPECT_EQ(check_placement(environment({&kA}), deployment({&kB}), paris, t4).error(),
            (Error{Code::kPrecondition,
                   "location paris (fr, eu) is not allowed: environment production allows "
                   "country/us (policy a)"}));
  EXPECT_EQ(
      check_placement(environment({&kA}), deployment({&kC}), portland, {FlavorType::kCpu, "x86"})
          .error()
          .message,
      "flavor cpu/x86 is not allowed: deployment default/m@production allows gpu/t4 "
      "(policy c)");
}

TEST(Messages, StayOneLineInAFleet) {
  std::vector<Site> sites;
  for (int i = 0; i < 1'000; ++i) {
    sites.push_back(site("site-" + std::to_string(i), "us", "na", {"cpu/x86"}));
  }
  const Policy eu = location_policy("eu", {"continent/eu"});
  const std::string message = combine(environment({&eu}), deployment(), sites).error().message;
  EXPECT_THAT(message, HasSubstr("and 992 more"));
  EXPECT_LT(message.size(), 400U);
}

}  // namespace
}  // namespace tenon::policy
