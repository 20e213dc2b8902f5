#include "host/cli/blueprints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon::cli {
namespace {

std::shared_ptr<const DeploymentSpec> spec(std::vector<GivenOption> given = {},
                                           const std::string& runtime = "echo") {
  DeploymentSpec spec;
  spec.runtime = runtime;
  spec.given = std::move(given);
  return std::make_shared<const DeploymentSpec>(std::move(spec));
}

std::shared_ptr<const control::Known> known() {
  control::Known known;
  plugins::Manifest& echo = known.plugins.emplace_back();
  echo.id = "echo";
  plugins::OptionSpec& option = echo.options.emplace_back();
  option.name = "prefix";
  option.default_value = "-";
  PluginGrant& grant = known.grants.emplace_back();
  grant.name = "echo";
  grant.sockets = true;
  return std::make_shared<const control::Known>(std::move(known));
}

TEST(Blueprints, DeploymentsShareWhatIsTheSame) {
  Blueprints blueprints(known());
  const auto own = spec();
  const auto first = blueprints.of(own);
  const auto second = blueprints.of(spec({{"prefix", ValueType::kString, "-"}}));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->spec, own) << "not a copy";
  EXPECT_EQ(first->plugin, second->plugin);
  EXPECT_EQ(first->grant, second->grant);
  EXPECT_TRUE(first->grant->sockets);
  EXPECT_EQ(first->options, second->options) << "it gave the default";
  EXPECT_EQ(*first->options, (lifecycle::Options{{"prefix", "-"}}));
}

TEST(Blueprints, OptionsThatNobodyHasAreForgotten) {
  Blueprints blueprints(known());
  auto other = blueprints.of(spec({{"prefix", ValueType::kString, "+"}}));
  ASSERT_TRUE(other);
  const std::weak_ptr<const lifecycle::Options> options = other->options;
  blueprints.forget_unused();
  EXPECT_FALSE(options.expired());
  other = blueprints.of(spec());
  blueprints.forget_unused();
  EXPECT_TRUE(options.expired());
}

TEST(Blueprints, ARuntimeThatIsNotThereServesNothing) {
  Blueprints blueprints(known());
  EXPECT_THAT(blueprints.of(spec({}, "tei")).error().message,
              ::testing::HasSubstr("'tei' is not installed"));
}

}  // namespace
}  // namespace tenon::cli
