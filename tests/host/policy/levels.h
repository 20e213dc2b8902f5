#pragma once

#include <string>
#include <vector>

#include "host/policy/combination.h"

// Policies, levels and places as the tests of combination write them.
namespace tenon::policy {

inline Policy location_policy(std::string name, const std::vector<std::string>& refs) {
  Policy policy{.name = std::move(name), .type = PolicyType::kLocation};
  for (const std::string& ref : refs) policy.locations.push_back(parse_location_ref(ref).value());
  return policy;
}

inline Policy flavor_policy(std::string name, const std::vector<std::string>& flavors) {
  Policy policy{.name = std::move(name), .type = PolicyType::kFlavor};
  for (const std::string& flavor : flavors) policy.flavors.push_back(parse_flavor(flavor).value());
  return policy;
}

inline std::vector<Flavor> flavors(const std::vector<std::string>& texts) {
  std::vector<Flavor> out;
  for (const std::string& text : texts) out.push_back(parse_flavor(text).value());
  return out;
}

inline Site site(std::string name, std::string country, std::string continent,
                 const std::vector<std::string>& offers) {
  return {{std::move(name), std::move(country), std::move(continent)}, flavors(offers)};
}

inline Level environment(std::vector<const Policy*> policies = {}) {
  return {"environment production", std::move(policies)};
}

inline Level deployment(std::vector<const Policy*> policies = {}) {
  return {"deployment default/m@production", std::move(policies)};
}

}  // namespace tenon::policy
