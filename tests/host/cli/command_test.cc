#include "host/cli/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <sstream>

#include "host/cli/options.h"
#include "host/cli/version.h"

namespace tenon::cli {
namespace {

using testing::HasSubstr;

constexpr std::array<Command, 4> kCommands = {{
    {"get", "Shows", "", "", [](const Arguments&, Streams) { return kRefused; }},
    {"serve", "Serves", "FILE", "examples:\n  tenon serve x\n",
     [](const Arguments& words, Streams streams) {
       streams.out << "served";
       for (const auto& word : words) streams.out << " " << word;
       return kOk;
     }},
    {"get models", "Shows", "", "", [](const Arguments&, Streams) { return kFailed; }},
    {"plugin list", "Lists", "", "", [](const Arguments&, Streams) { return kOk; }},
}};

struct Ran {
  int status;
  std::string out, err;
};

Ran run(const Arguments& words) {
  std::ostringstream out, err;
  const int status = dispatch(kCommands, words, {out, err});
  return {status, out.str(), err.str()};
}

TEST(Command, RunsTheVerbWithTheRest) {
  EXPECT_EQ(run({"serve", "a", "b"}).out, "served a b");
}

TEST(Command, TwoWordsAreRatherMeantThanOne) {
  EXPECT_EQ(run({"get", "models"}).status, kFailed);
  EXPECT_EQ(run({"get", "others"}).status, kRefused);
}

TEST(Command, HelpIsNoErrorAndShowsExamples) {
  for (const char* word : {"--help", "-h", "help"}) {
    const Ran ran = run({word});
    EXPECT_EQ(ran.status, kOk);
    EXPECT_THAT(ran.out, HasSubstr("  serve            Serves\n"));
  }
  const Ran ran = run({"serve", "x", "--help"});
  EXPECT_EQ(ran.status, kOk);
  EXPECT_EQ(ran.out, "usage: tenon serve FILE\n\nServes.\n\nexamples:\n  tenon serve x\n");
}

TEST(Command, NothingAtAllIsBadUsage) {
  const Ran ran = run({});
  EXPECT_EQ(ran.status, kBadUsage);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("usage: tenon VERB"));
}

TEST(Command, Version) {
  EXPECT_EQ(run({"--version"}).out, std::string("tenon ") + kVersion + "\n");
}

TEST(Command, AnUnknownVerbIsToldTheNearest) {
  const auto first_line = [](const Arguments& words) {
    const Ran ran = run(words);
    EXPECT_EQ(ran.status, kBadUsage);
    return ran.err.substr(0, ran.err.find('\n'));
  };
  EXPECT_EQ(first_line({"serv", "x.toml"}),
            "tenon: there is no verb 'serv x.toml'; did you mean 'serve'?");
  EXPECT_EQ(first_line({"plugin", "lst"}),
            "tenon: there is no verb 'plugin lst'; did you mean 'plugin list'?");
  EXPECT_EQ(first_line({"plugin", "--all"}),
            "tenon: there is no verb 'plugin'; did you mean 'plugin list'?");
  EXPECT_EQ(first_line({"dance"}), "tenon: there is no verb 'dance'");
}

TEST(Options, UnknownOnesAreToldTheNearest) {
  options_description options;
  options.add_options()("api", value<std::string>())("output,o", value<std::string>());
  EXPECT_EQ(parse_options({"--apj", "x"}, options).error().message,
            "there is no option '--apj'; did you mean '--api'?");
  EXPECT_FALSE(parse_options({"--out", "x"}, options));  // no abbreviations
  EXPECT_FALSE(parse_options({"--api"}, options));
  EXPECT_FALSE(parse_options({"stray"}, options));
  const auto parsed = parse_options({"--api=x", "-o", "json"}, options);
  ASSERT_TRUE(parsed);
  EXPECT_EQ((*parsed)["api"].as<std::string>(), "x");
  EXPECT_EQ((*parsed)["output"].as<std::string>(), "json");
}

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  std::ostringstream out;
  print_table(out, {{"A", "B", "C"}, {"long", "x", "end"}});
  EXPECT_EQ(out.str(), "A     B  C\nlong  x  end\n");
}

}  // namespace
}  // namespace tenon::cli
