#include "host/cli/plugin_validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace tenon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

plugins::Manifest manifest() {
  plugins::Manifest out;
  out.id = "tei";
  out.version = "1.2.0";
  const auto add = [&](const char* name, plugins::OptionType type) -> plugins::OptionSpec& {
    plugins::OptionSpec& spec = out.options.emplace_back();
    spec.name = name;
    spec.type = type;
    return spec;
  };
  add("pooling", plugins::OptionType::kString).default_value = "mean";
  add("batch", plugins::OptionType::kInteger).maximum = 64;
  add("truncate", plugins::OptionType::kBoolean);
  return out;
}

TEST(PluginValidate, TheManifestFillsInWhatIsNotGiven) {
  const Arguments given = {"truncate=true", "batch=8"};
  EXPECT_THAT(validator_arguments(manifest(), given).value(),
              ElementsAre("--id", "tei", "--version", "1.2.0", "--option", "pooling=mean",
                          "--option", "batch=8", "--option", "truncate=true"));
}

std::string refusal(const std::string& given) {
  return validator_arguments(manifest(), Arguments{given}).error().message;
}

TEST(PluginValidate, OptionsAreCheckedAsADeploymentsAre) {
  EXPECT_THAT(refusal("bacth=8"), HasSubstr("did you mean 'batch'?"));
  EXPECT_THAT(refusal("batch=65"), HasSubstr("at most 64"));
  EXPECT_THAT(refusal("batch=many"), HasSubstr("a finite number"));
  EXPECT_THAT(refusal("truncate=perhaps"), HasSubstr("must be a boolean"));
}

TEST(PluginValidate, BadUsage) {
  std::ostringstream out, err;
  EXPECT_EQ(plugin_validate({}, {out, err}), kBadUsage);
  EXPECT_EQ(plugin_validate({"x.so", "--seeds", "1"}, {out, err}), kBadUsage);
  EXPECT_THAT(err.str(), HasSubstr("--seed"));
}

}  // namespace
}  // namespace tenon::cli
