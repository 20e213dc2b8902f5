#include "host/policy/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace tenon::policy {
namespace {

std::string join(const std::vector<std::string>& words, std::string_view last) {
  constexpr std::size_t kShown = 8;  // a fleet has thousands of locations, a message one line
  std::string out;
  const std::size_t shown = std::min(words.size(), kShown);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i != 0) out += i + 1 == words.size() ? last : std::string_view(", ");
    out += words[i];
  }
  if (shown < words.size()) out += fmt::format(" and {} more", words.size() - shown);
  return out;
}

template <class Option>
void add_options(std::vector<std::string>& words, const Policy& policy,
                 const std::vector<Option>& options, std::string_view every) {
  std::vector<std::string> names;
  for (const Option& option : options) names.push_back(to_string(option));
  words.push_back(fmt::format(
      "{} (policy {})", names.empty() ? std::string(every) : join(names, " or "), policy.name));
}

std::string sentences(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, "; "));
}

bool speaks_of(const Level& level, PolicyType type) {
  return std::ranges::any_of(level.policies,
                             [&](const Policy* policy) { return policy->type == type; });
}

}  // namespace

std::string to_string(const Location& location) {
  return fmt::format("{} ({}, {})", location.name, location.country, location.continent);
}

std::string enumerate(const std::set<std::string>& names) {
  return join({names.begin(), names.end()}, " or ");
}

std::string enumerate(const std::set<Flavor>& flavors) {
  std::vector<std::string> names;
  for (const Flavor& flavor : flavors) names.push_back(to_string(flavor));
  return join(names, " or ");
}

std::string allowed_by(const Level& level, PolicyType type) {
  const std::string_view every = type == PolicyType::kLocation ? "every location" : "every flavor";
  std::vector<std::string> words;
  for (const Policy* policy : level.policies) {
    if (policy->type != type) continue;
    if (type == PolicyType::kLocation) {
      add_options(words, *policy, policy->locations, every);
    } else {
      add_options(words, *policy, policy->flavors, every);
    }
  }
  return fmt::format("{} allows {}", level.owner,
                     words.empty() ? std::string(every) : join(words, " or "));
}

std::string allowed_by(const Level& environment, const Level& deployment, PolicyType type) {
  std::vector<std::string> parts;
  for (const Level* level : {&environment, &deployment}) {
    if (speaks_of(*level, type)) parts.push_back(allowed_by(*level, type));
  }
  return sentences(parts);
}

std::string allowed_by(const Level& environment, const Level& deployment) {
  std::vector<std::string> parts;
  for (const PolicyType type : {PolicyType::kLocation, PolicyType::kFlavor}) {
    std::string part = allowed_by(environment, deployment, type);
    if (!part.empty()) parts.push_back(std::move(part));
  }
  return parts.empty() ? "no policy says where or on what" : sentences(parts);
}

std::string registered(std::span<const Site> sites) {
  std::vector<std::string> words;
  for (const Site& site : sites) words.push_back(to_string(site.location));
  return words.empty() ? "none is registered at all: a [[location]] says where a host is"
                       : "registered are " + join(words, " and ");
}

std::string words_of(const Effective& effective) {
  if (effective.flavors) return enumerate(*effective.flavors);
  if (!effective.type) return "any flavor";
  return *effective.type == FlavorType::kCpu ? "a CPU" : "a GPU";
}

std::string offered(std::span<const Site> sites, const Effective& effective) {
  std::vector<std::string> words;
  for (const Site& site : sites) {
    if (effective.locations && !effective.locations->contains(site.location.name)) continue;
    const auto& flavors = *site.flavors;
    words.push_back(fmt::format(
        "{} offers {}", site.location.name,
        flavors.empty() ? "nothing" : enumerate(std::set(flavors.begin(), flavors.end()))));
  }
  return join(words, ", ");
}

}  // namespace tenon::policy
