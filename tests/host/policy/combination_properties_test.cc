#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "host/policy/combination.h"
#include "tests/host/policy/levels.h"

// What holds for all policies, on worlds and policies made at random from a seed.
namespace tenon::policy {
namespace {

constexpr int kRounds = 5'000;

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    const char* countries[][2] = {{"us", "na"}, {"ca", "na"}, {"fr", "eu"}, {"jp", "as"}};
    for (unsigned i = 0; i < 1 + below(8); ++i) {
      const auto& [country, continent] = countries[below(4)];
      sites_.push_back(site("s" + std::to_string(i), country, continent, {}));
      for (const Flavor& flavor : kFlavors) {
        if (below(2)) sites_.back().flavors->push_back(flavor);
      }
    }
    for (int i = 0; i < 12; ++i) policies_.push_back(policy("p" + std::to_string(i)));
  }

  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::mt19937& random() { return random_; }
  const std::vector<Site>& sites() const { return sites_; }

  std::vector<const Policy*> some_policies() {
    std::vector<const Policy*> out;
    for (unsigned i = below(5); i > 0; --i) out.push_back(&policies_[below(12)]);
    return out;
  }
  const Policy& any_policy() { return policies_[below(12)]; }

  static inline const std::vector<Flavor> kFlavors =
      flavors({"cpu/x86", "cpu/arm64", "gpu/t4", "gpu/h100"});

 private:
  Policy policy(std::string name) {
    if (below(2)) {
      Policy out = flavor_policy(std::move(name), {});
      for (unsigned i = 1 + below(3); i > 0; --i) out.flavors.push_back(kFlavors[below(4)]);
      return out;
    }
    const char* refs[] = {"continent/na", "continent/eu", "continent/as", "country/us",
                          "country/ca",   "country/fr",   "location/s0",  "location/s1"};
    Policy out = location_policy(std::move(name), {});
    for (unsigned i = 1 + below(3); i > 0; --i) {
      out.locations.push_back(parse_location_ref(refs[below(8)]).value());
    }
    return out;
  }

  std::mt19937 random_;
  std::vector<Site> sites_;
  std::vector<Policy> policies_;
};

using Placements = std::set<std::pair<std::string, Flavor>>;

// All that may be placed, of what exists; nothing when the combination is refused.
Placements placements(const Result<Effective>& effective, const World& world) {
  Placements out;
  if (!effective) return out;
  for (const Site& site : world.sites()) {
    for (const Flavor& flavor : World::kFlavors) {
      if (allows(*effective, site.location, flavor)) out.emplace(site.location.name, flavor);
    }
  }
  return out;
}

// The rules once more, without sets: for each type and level, no policy or one that says yes.
bool admissible(const Level& level, const Location& location, const Flavor& flavor) {
  bool located = true, flavored = true;
  for (const Policy* policy : level.policies) {
    (policy->type == PolicyType::kLocation ? located : flavored) = false;
  }
  for (const Policy* policy : level.policies) {
    for (const LocationRef& ref : policy->locations) located |= covers(ref, location);
    for (const Flavor& allowed : policy->flavors) flavored |= allowed == flavor;
  }
  return located && flavored;
}

bool includes(const Placements& outer, const Placements& inner) {
  return std::ranges::includes(outer, inner);
}

TEST(CombinationProperties, AgreesWithTheRulesPlaceByPlace) {
  unsigned refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    World world(round);
    const Level e = environment(world.some_policies());
    const Level d = deployment(world.some_policies());
    const auto effective = combine(e, d, world.sites());
    const Placements allowed = placements(effective, world);
    bool offered = false;
    for (const Site& site : world.sites()) {
      for (const Flavor& flavor : World::kFlavors) {
        const bool yes =
            admissible(e, site.location, flavor) && admissible(d, site.location, flavor);
        ASSERT_EQ(check_placement(e, d, site.location, flavor).has_value(), yes);
        offered |= yes && std::ranges::find(*site.flavors, flavor) != site.flavors->end();
        if (effective) ASSERT_EQ(allowed.contains({site.location.name, flavor}), yes);
      }
    }
    const bool unregulated = e.policies.empty() && d.policies.empty();
    ASSERT_EQ(effective.has_value(), offered || unregulated)
        << round << (effective ? "" : effective.error().message);
    refused += !effective;
  }
  EXPECT_GT(refused, kRounds / 20);
  EXPECT_LT(refused, kRounds / 10 * 9);
}

TEST(CombinationProperties, ADeploymentNeverWidensItsEnvironment) {
  for (int round = 0; round < kRounds; ++round) {
    World world(round);
    const Level e = environment(world.some_policies());
    const auto alone = combine(e, deployment(), world.sites());
    const auto both = combine(e, deployment(world.some_policies()), world.sites());
    const auto listed =
        combine_for(e, deployment(), flavors({"gpu/t4", "gpu/h100"}), world.sites());
    ASSERT_TRUE(includes(placements(alone, world), placements(both, world))) << round;
    ASSERT_TRUE(includes(placements(alone, world), placements(listed, world))) << round;
  }
}

TEST(CombinationProperties, OrderNeverMatters) {
  for (int round = 0; round < kRounds; ++round) {
    World world(round);
    auto of_e = world.some_policies(), of_d = world.some_policies();
    auto sites = world.sites();
    const auto one = combine(environment(of_e), deployment(of_d), sites);
    for (auto* list : {&of_e, &of_d}) std::ranges::shuffle(*list, world.random());
    for (Site& site : sites) std::ranges::shuffle(*site.flavors, world.random());
    std::ranges::shuffle(sites, world.random());
    const auto other = combine(environment(of_e), deployment(of_d), sites);
    ASSERT_EQ(one.has_value(), other.has_value()) << round;
    if (one) ASSERT_EQ(*one, *other) << round;
    // Nor does it matter which level says what.
    const auto swapped = combine(environment(of_d), deployment(of_e), sites);
    ASSERT_EQ(placements(one, world), placements(swapped, world)) << round;
  }
}

TEST(CombinationProperties, NaAndUsIsUs) {
  const Policy na = location_policy("na", {"continent/na"});
  const Policy us = location_policy("us", {"country/us"});
  for (int round = 0; round < kRounds; ++round) {
    World world(round);
    const auto us_alone = combine(environment({&us}), deployment(), world.sites());
    for (const auto& [outer, inner] : {std::pair(&na, &us), std::pair(&us, &na)}) {
      const auto both = combine(environment({outer}), deployment({inner}), world.sites());
      ASSERT_EQ(placements(both, world), placements(us_alone, world)) << round;
    }
  }
}

// The first policy of a type can only take away: before it, everything of that type was allowed.
// A second one of the same type is a further alternative and may add.
TEST(CombinationProperties, TheFirstPolicyOfATypeNeverEnlarges) {
  for (int round = 0; round < kRounds; ++round) {
    World world(round);
    auto of_e = world.some_policies();
    const Level d = deployment(world.some_policies());
    const Policy& added = world.any_policy();
    std::erase_if(of_e, [&](const Policy* policy) { return policy->type == added.type; });
    const auto before = placements(combine(environment(of_e), d, world.sites()), world);
    of_e.push_back(&added);
    const auto after = placements(combine(environment(of_e), d, world.sites()), world);
    ASSERT_TRUE(includes(before, after)) << round;
  }
}

TEST(CombinationProperties, AFurtherPolicyOfATypeNeverTakesAway) {
  for (int round = 0; round < kRounds; ++round) {
    World world(round);
    auto of_e = world.some_policies();
    const Level d = deployment(world.some_policies());
    const Policy& added = world.any_policy();
    if (std::ranges::none_of(of_e, [&](auto* policy) { return policy->type == added.type; })) {
      continue;
    }
    const auto before = placements(combine(environment(of_e), d, world.sites()), world);
    of_e.push_back(&added);
    const auto after = placements(combine(environment(of_e), d, world.sites()), world);
    ASSERT_TRUE(includes(after, before)) << round;
  }
}

}  // namespace
}  // namespace tenon::policy
