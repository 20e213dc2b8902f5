#include "host/config/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace tenon::config {
namespace {

using testing::ElementsAre;

// What a reading of this text found wrong, one line each.
std::string problems_of(std::string_view text, const std::function<void(Table&)>& read) {
  Problems problems("f.toml");
  if (auto document = Document::parse(text, problems)) {
    Table root = document->root();
    read(root);
  }
  return problems.text();
}

TEST(Document, ReadsEveryType) {
  const auto found = problems_of(
      "s = 'text'\nb = true\ni = -3\nd = \"1.5s\"\nz = '2KiB'\nl = ['a', 'b']\nw = 'json'\n"
      "f = 0.25\n[t]\nx = 1\n[[a]]\ny = 1\n[[a]]\ny = 2\n",
      [](Table& root) {
        EXPECT_EQ(root.string("s"), "text");
        EXPECT_EQ(root.boolean("b"), true);
        EXPECT_EQ(root.integer("i", -5, 5), -3);
        EXPECT_EQ(root.duration("d"), milliseconds(1500));
        EXPECT_EQ(root.size("z"), 2048u);
        const auto list = root.strings("l");
        ASSERT_TRUE(list);
        ASSERT_EQ(list->size(), 2u);
        EXPECT_EQ((*list)[1].value, "b");
        EXPECT_EQ((*list)[1].at, (Position{6, 11}));
        EXPECT_EQ(root.one_of<int>("w", {{"text", 1}, {"json", 2}}), 2);
        EXPECT_EQ(root.scalar("f")->text, "0.25");
        EXPECT_EQ(root.scalar("f")->type, Scalar::Type::kNumber);
        EXPECT_EQ(root.table("t")->integer("x", 0, 9), 1);
        auto tables = root.tables("a");
        ASSERT_EQ(tables.size(), 2u);
        EXPECT_EQ(tables[0].integer("y", 0, 9), 1);
        EXPECT_EQ(tables[1].integer("y", 0, 9), 2);
        EXPECT_EQ(tables[1].position(), (Position{13, 1}));
        EXPECT_THAT(root.keys(), ElementsAre("s", "b", "i", "d", "z", "l", "w", "f", "t", "a"));
      });
  EXPECT_EQ(found, "");
}

TEST(Document, AbsentKeysAreNothing) {
  EXPECT_EQ(problems_of("",
                        [](Table& root) {
                          EXPECT_FALSE(root.string("s"));
                          EXPECT_FALSE(root.boolean("b"));
                          EXPECT_FALSE(root.integer("i", 0, 1));
                          EXPECT_FALSE(root.duration("d"));
                          EXPECT_FALSE(root.size("z"));
                          EXPECT_FALSE(root.strings("l"));
                          EXPECT_FALSE(root.scalar("x"));
                          EXPECT_FALSE(root.table("t"));
                          EXPECT_TRUE(root.tables("a").empty());
                          root.later({"policies"});
                        }),
            "");
}

TEST(Document, WrongTypesNameBoth) {
  EXPECT_EQ(problems_of("s = 1\nb = 'x'\ni = 1.5\nd = 30\nz = 12\nl = 'x'\nt = []\na = {}\n",
                        [](Table& root) {
                          root.string("s");
                          root.boolean("b");
                          root.integer("i", 0, 9);
                          root.duration("d");
                          root.size("z");
                          root.strings("l");
                          root.table("t");
                          root.tables("a");
                        }),
            "f.toml:1:5: 's' must be a string, found an integer\n"
            "f.toml:2:5: 'b' must be a boolean, found a string\n"
            "f.toml:3:5: 'i' must be an integer, found a number\n"
            "f.toml:4:5: 'd' must be a duration in quotes, such as \"30s\", found an integer\n"
            "f.toml:5:5: 'z' must be a size in quotes, such as \"512MiB\", found an integer\n"
            "f.toml:6:5: 'l' must be an array of strings, found a string\n"
            "f.toml:7:5: 't' must be a table, found an array\n"
            "f.toml:8:5: 'a' must be tables, each under [[a]], found a table");
}

TEST(Document, BadValuesSayWhatWasExpected) {
  EXPECT_EQ(problems_of("i = 10\nd = 'soon'\nw = 'jsn'\nl = ['a', 1]\na = [{}, 2]\n",
                        [](Table& root) {
                          root.integer("i", 0, 9);
                          root.duration("d");
                          root.one_of<int>("w", {{"text", 1}, {"json", 2}});
                          root.strings("l");
                          root.tables("a");
                        }),
            "f.toml:1:5: 'i' must be from 0 to 9, found 10\n"
            "f.toml:2:5: 'd': 'soon' is no duration: expected a number and ms, s, m or h, such as "
            "\"30s\", at most a year\n"
            "f.toml:3:5: 'w' must be one of text, json, found 'jsn'; did you mean 'json'?\n"
            "f.toml:4:11: 'l' must hold strings, found an integer\n"
            "f.toml:5:10: 'a' must hold tables, each under [[a]], found an integer");
}

TEST(Document, UnknownKeysNameTheNearestOrAllKnown) {
  EXPECT_EQ(
      problems_of("modle = 1\n[host]\nlimit = 1\n[host.limits]\ncolour = 'red'\n[empty]\na = 1",
                  [](Table& root) {
                    root.string("model");
                    auto host = root.table("host");
                    auto limits = host->table("limits");
                    limits->integer("replicas", 0, 9);
                    limits->size("memory");
                    root.table("empty");
                  }),
      "f.toml:1:1: unknown key 'modle'; did you mean 'model'?\n"
      "f.toml:3:1: unknown key 'limit' in [host]; did you mean 'limits'?\n"
      "f.toml:5:1: unknown key 'colour' in [host.limits]; known keys: memory, replicas\n"
      "f.toml:7:1: unknown key 'a' in [empty]; no key is known there");
}

TEST(Document, MissingAndEmptyRequiredKeys) {
  EXPECT_EQ(problems_of("[[d]]\nmodel = ''\n[[d]]\n",
                        [](Table& root) {
                          for (Table& table : root.tables("d"))
                            EXPECT_EQ(table.required_string("model"), "");
                        }),
            "f.toml:2:9: 'model' is empty\nf.toml:3:1: 'model' is missing in [[d]]");
}

TEST(Document, KeysOfLaterVersionsAreRefusedByName) {
  EXPECT_EQ(problems_of("[[policy]]\nname = 'x'\n", [](Table& root) { root.later({"policy"}); }),
            "f.toml:1:3: 'policy' is not yet supported in this version");
}

TEST(Document, TextThatIsNoTomlIsOneProblem) {
  Problems problems("f.toml");
  EXPECT_FALSE(Document::parse("a = 1\nb = = 2\n", problems));
  ASSERT_EQ(problems.sorted().size(), 1u);
  EXPECT_EQ(problems.sorted()[0].at.line, 2u);
}

TEST(Document, KeepsTheListOfProblemsShort) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "k" + std::to_string(i) + " = 1\n";
  const std::string found = problems_of(text, [](Table&) {});
  EXPECT_EQ(std::ranges::count(found, '\n'), 100);
  EXPECT_THAT(found, testing::EndsWith("\nf.toml: … and 50 more errors"));
}

}  // namespace
}  // namespace tenon::config
