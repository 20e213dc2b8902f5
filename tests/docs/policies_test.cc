#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "host/config/document.h"
#include "host/config/toml_nodes.h"
#include "host/domain/policy.h"

// The TOML that documents show can be copied.
namespace tenon {
namespace {

std::string page(const std::string& name) {
  std::ifstream file(std::string(std::getenv("TENON_SOURCE_DIR")) + "/docs/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What stands between "```toml" and "```".
std::vector<std::string> snippets(const std::string& markdown) {
  std::vector<std::string> out;
  std::istringstream lines(markdown);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = line == "```toml";
      if (inside) out.emplace_back();
    } else if (inside) {
      out.back() += line + "\n";
    }
  }
  return out;
}

void read_limits(config::Table limits) {
  limits.one_of<Granularity>("granularity", {{"minute", Granularity::kMinute},
                                             {"hour", Granularity::kHour},
                                             {"day", Granularity::kDay},
                                             {"month", Granularity::kMonth}});
  limits.integer("step", 1, MaxTokens::kLongestStep);
  for (const char* key : {"input", "output", "total"}) limits.integer(key, 0, 1LL << 48);
}

void read_policy(config::Table policy) {
  EXPECT_NE(policy.required_string("name"), "");
  policy.one_of<PolicyType>("type", {{"location", PolicyType::kLocation},
                                     {"flavor", PolicyType::kFlavor},
                                     {"maxToken", PolicyType::kMaxToken}});
  if (const auto locations = policy.strings("locations")) {
    for (const auto& [text, at] : *locations) EXPECT_TRUE(parse_location_ref(text)) << text;
  }
  if (const auto flavors = policy.strings("flavors")) {
    for (const auto& [text, at] : *flavors) EXPECT_TRUE(parse_flavor(text)) << text;
  }
  if (auto limits = policy.table("maxTokens")) read_limits(std::move(*limits));
}

TEST(PoliciesPage, ItsTomlIsWellFormedAndItsPoliciesAreUnderstood) {
  const auto texts = snippets(page("policies.md"));
  EXPECT_EQ(texts.size(), 2U);
  unsigned policies = 0;
  for (const std::string& text : texts) {
    config::Problems problems("policies.md");
    if (auto document = config::Document::parse(text, problems)) {
      config::Table root = document->root();
      for (config::Table& policy : root.tables("policy")) {
        read_policy(std::move(policy));
        ++policies;
      }
      for (const char* other : {"location", "environment", "deployment"}) {
        for (config::Table& table : root.tables(other)) {
          for (const std::string& key : table.keys()) table.scalar(key);
        }
      }
    }
    EXPECT_TRUE(problems.empty()) << problems.text() << text;
  }
  EXPECT_EQ(policies, 5U);
}

}  // namespace
}  // namespace tenon
