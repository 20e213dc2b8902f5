#include "host/plugins/runtime_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/plugins/option_check.h"

namespace tenon::plugins {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

ProbeAnswer says(std::string plugin, unsigned score, std::string reason = "because") {
  return {std::move(plugin), Probe{score, std::move(reason)}};
}
ProbeAnswer fails(std::string plugin, std::string message) {
  return {std::move(plugin), fail(Code::kInternal, std::move(message))};
}

std::string chosen(std::vector<ProbeAnswer> answers) {
  const auto choice = choose(std::move(answers), "/m");
  return choice ? choice->plugin : choice.error().message;
}

TEST(RuntimeChoice, TheHighestScoreWinsThenTheName) {
  EXPECT_EQ(chosen({says("a", 10), says("b", 90), says("c", 0)}), "b");
  EXPECT_EQ(chosen({says("z", 90), says("b", 90)}), "b");
  EXPECT_EQ(chosen({says("a", 1)}), "a");
}

TEST(RuntimeChoice, WhoeverFailsOrLiesIsNotChosen) {
  EXPECT_EQ(chosen({fails("a", "it hung"), says("b", 5)}), "b");
  EXPECT_EQ(chosen({says("a", 101), says("b", 100)}), "b");
  EXPECT_EQ(chosen({says("a", ~0U), says("b", 1)}), "b");
}

TEST(RuntimeChoice, ARefusalSaysWhatEachOneSaid) {
  EXPECT_EQ(chosen({says("b", 0, "no config.json"), says("a", 250), fails("c", "plugin 'c' died"),
                    fails("d", "it hung"), says("e", 0, "")}),
            "no plugin serves the folder /m: b: no config.json; e: no reason given; "
            "plugin 'a' gave the score 250, expected 0 to 100; plugin 'c' died; d: it hung");
  EXPECT_EQ(chosen({}), "no plugin serves the folder /m");
}

TEST(RuntimeChoice, RankedListsTheBestFirstAndErrorsLast) {
  std::vector<std::string> order;
  for (const auto& answer : ranked({fails("a", "x"), says("b", 0), says("d", 7), says("c", 7)})) {
    order.push_back(answer.plugin);
  }
  EXPECT_THAT(order, ElementsAre("c", "d", "b", "a"));
}

Manifest manifest() {
  Manifest out;
  out.id = "p";
  out.options.resize(2);
  out.options[0].name = "size";
  out.options[0].type = OptionType::kInteger;
  out.options[0].default_value = "4";
  out.options[0].minimum = 1;
  out.options[1].name = "word";
  return out;
}

TEST(TakeOptions, FillsDefaultsInTheManifestsOrder) {
  EXPECT_THAT(*take_options(manifest(), {}), ElementsAre(Pair("size", "4")));
  const std::vector<GivenOption> given = {{"word", ValueType::kString, "x"},
                                          {"size", ValueType::kInteger, "9"}};
  EXPECT_THAT(*take_options(manifest(), given), ElementsAre(Pair("size", "9"), Pair("word", "x")));
}

TEST(TakeOptions, RefusesWhatThePluginDoesNotKnowOrTake) {
  const auto message = [](const GivenOption& option) {
    const auto taken = take_options(manifest(), {&option, 1});
    return taken ? "" : taken.error().message;
  };
  EXPECT_EQ(message({"sise", ValueType::kInteger, "9"}),
            "runtime 'p' has no option 'sise'; did you mean 'size'?");
  EXPECT_EQ(message({"size", ValueType::kInteger, "0"}),
            "runtime 'p': option 'size' must be at least 1, found 0");
  EXPECT_THAT(message({"word", ValueType::kOther, ""}), HasSubstr("must be a string"));
}

}  // namespace
}  // namespace tenon::plugins
