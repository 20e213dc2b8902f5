#include "host/plugins/manifest_reader.h"

#include <gmock/gmock.h>

namespace tenon::plugins {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kHead =
    "id = 'tei'\nversion = '1.9.0'\nlibrary = 'tenon_tei.so'\nabi = '1.0-1.3'\n";

std::string problem_of(const std::string& text) {
  const auto manifest = read_manifest(text, "/p/tei/tenon-plugin.toml");
  return manifest ? "none" : manifest.error().message;
}

std::string problem_in(const std::string& rest) {
  return problem_of(std::string(kHead) + rest);
}

TEST(Manifest, HoldsWhatTheFileSays) {
  const auto manifest = read_manifest(std::string(kHead) + R"(
description = "embeddings"
serves = ["BERT"]
flavors = ["cpu"]
passive = ["/health", "/info"]
health = ["/health"]
requiresWorker = true
wantsSockets = true
[[option]]
name = "pooling"
type = "enum"
values = ["mean", "cls"]
default = "cls"
help = "how tokens become one vector"
[[option]]
name = "maxBatchTokens"
type = "integer"
default = 16384
min = 1
)",
                                      "/p/tei/tenon-plugin.toml");
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->id, "tei");
  EXPECT_EQ(manifest->library, "/p/tei/tenon_tei.so");
  EXPECT_EQ(manifest->abi_major, 1u);
  EXPECT_EQ(manifest->abi_minor_min, 0u);
  EXPECT_EQ(manifest->abi_minor, 3u);
  EXPECT_THAT(manifest->serves, ElementsAre("BERT"));
  EXPECT_TRUE(manifest->requires_worker);
  EXPECT_TRUE(manifest->wants_sockets);
  EXPECT_FALSE(manifest->wants_exec);
  ASSERT_EQ(manifest->options.size(), 2u);
  EXPECT_EQ(manifest->options[0].default_value, "cls");
  EXPECT_EQ(manifest->options[1].minimum, 1.0);
  EXPECT_FALSE(manifest->options[1].maximum);
}

TEST(Manifest, PassivePathsAreWhole) {
  const auto manifest = read_manifest(std::string(kHead) + "passive = ['/health']\n", "/p/m");
  ASSERT_TRUE(manifest);
  EXPECT_TRUE(manifest->is_passive("/health"));
  EXPECT_FALSE(manifest->is_passive("/health/"));
  EXPECT_FALSE(manifest->is_passive("/healthy"));
  EXPECT_FALSE(manifest->is_passive("/"));
}

TEST(Manifest, AllMistakesAreNamedWithTheirPlace) {
  const std::string problems =
      problem_of("id = 'TEI'\nlibrary = '../x.so'\nabi = 'one'\nabj = 1\n");
  EXPECT_THAT(problems, HasSubstr("/p/tei/tenon-plugin.toml:1:6: 'id' is 'TEI', expected"));
  EXPECT_THAT(problems, HasSubstr(":2:11: 'library' is '../x.so', expected"));
  EXPECT_THAT(problems, HasSubstr(":3:7: 'abi' is 'one', expected"));
  EXPECT_THAT(problems, HasSubstr(":4:1:"));
  EXPECT_THAT(problems, HasSubstr("'abi'?"));
  EXPECT_THAT(problems, HasSubstr("version"));
  EXPECT_THAT(problem_of("id = 'auto'\n"), HasSubstr(":1:6: 'id' is 'auto', which is how"));
}

TEST(Manifest, AbiRangesAreOfOneMajorAndRise) {
  for (const char* wrong : {"1", "1.", "1.0-", "1.0-2.0", "1.3-1.0", "1.0-1.2x", "-1.0", "1.0 "}) {
    EXPECT_THAT(problem_of("id = 'a'\nversion = '1'\nlibrary = 'a.so'\nabi = '" +
                           std::string(wrong) + "'\n"),
                HasSubstr("expected the versions of the ABI"))
        << wrong;
  }
}

TEST(Manifest, TypesAreChecked) {
  EXPECT_THAT(problem_in("passive = '/health'\n"), HasSubstr(":5:11:"));
  EXPECT_THAT(problem_in("passive = ['health']\n"), HasSubstr("expected a leading '/'"));
  EXPECT_THAT(problem_in("health = ['/health']\n"), HasSubstr("not among 'passive'"));
  EXPECT_THAT(problem_in("flavors = ['tpu']\n"), HasSubstr("expected \"cpu\" or \"gpu\""));
  EXPECT_THAT(problem_in("requiresWorker = 'yes'\n"), HasSubstr(":5:18:"));
}

TEST(Manifest, OptionsMakeSense) {
  const auto option = [](const std::string& rest) {
    return problem_in("[[option]]\nname = 'o'\n" + rest);
  };
  EXPECT_THAT(option(""), HasSubstr("'type' is missing"));
  EXPECT_THAT(option("type = 'float'\n"), HasSubstr(":7:8:"));
  EXPECT_THAT(option("type = 'enum'\n"), HasSubstr("'values' go with"));
  EXPECT_THAT(option("type = 'string'\nvalues = ['a']\n"), HasSubstr("'values' go with"));
  EXPECT_THAT(option("type = 'integer'\ndefault = 'a'\n"), HasSubstr("not of its type"));
  EXPECT_THAT(option("type = 'enum'\nvalues = ['a']\ndefault = 'b'\n"),
              HasSubstr("not of its type"));
  EXPECT_THAT(option("type = 'string'\nmin = 1\n"), HasSubstr("only beside a numeric type"));
  EXPECT_THAT(option("type = 'string'\n[[option]]\nname = 'o'\ntype = 'string'\n"),
              HasSubstr("stands here twice"));
}

TEST(Manifest, WhatIsNoTomlIsRefused) {
  EXPECT_THAT(problem_of("id = \n"), HasSubstr("/p/tei/tenon-plugin.toml:1:"));
  EXPECT_THAT(problem_of(std::string("\x7f"
                                     "ELF\0\1",
                                     6)),
              HasSubstr("/p/tei/tenon-plugin.toml"));
}

}  // namespace
}  // namespace tenon::plugins
