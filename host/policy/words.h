#pragma once

#include <set>
#include <span>
#include <string>

#include "host/policy/combination.h"

// How messages about policies name what they are about.
namespace tenon::policy {

std::string to_string(const Location&);  // "portland (us, na)"

// "a", "a or b", "a, b or c"; of many only the first few.
std::string enumerate(const std::set<std::string>&);
std::string enumerate(const std::set<Flavor>&);

// What a level allows of a type, and by which policies: "environment production allows country/us
// (policy us-only) or continent/eu (policy eu)", "… allows every location".
std::string allowed_by(const Level&, PolicyType);
// The same of both levels, as far as they regulate it.
std::string allowed_by(const Level& environment, const Level& deployment, PolicyType);
std::string allowed_by(const Level& environment, const Level& deployment);  // … of both types

std::string registered(std::span<const Site>);  // "registered are portland (us, na) or …"
std::string words_of(const Effective&);         // the flavors: "gpu/t4", "a GPU", "any flavor"
// "portland offers cpu/x86; …", of the sites where it may be.
std::string offered(std::span<const Site>, const Effective&);

}  // namespace tenon::policy
