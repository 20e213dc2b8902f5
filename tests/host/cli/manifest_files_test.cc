#include "host/cli/manifest_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

namespace tenon::cli {
namespace {

using testing::HasSubstr;

std::optional<std::string> variable(std::string_view name) {
  if (name == "NAME") return "a\"b";
  if (name == "EMPTY") return "";
  return std::nullopt;
}

Result<ManifestFile> read(const std::string& label) {
  return read_manifest("[[workspace]]\nname = \"team\"\nlabels = { x = \"" + label + "\" }\n", "m",
                       variable);
}

std::string label(const std::string& text) {
  const auto file = read(text);
  if (!file) return file.error().message;
  return std::string(file->resources.at(0).spec().at("labels").at("x").as_string());
}

TEST(ManifestFiles, VariablesFillStringsAfterTheyWereRead) {
  EXPECT_EQ(label("${NAME}"), "a\"b");
  EXPECT_EQ(label("<${NAME}-${EMPTY}${NAME}>"), "<a\"b-a\"b>");
  EXPECT_EQ(label("$${NAME} $NAME ${} ${1 $"), "${NAME} $NAME ${} ${1 $");
  EXPECT_EQ(label("$${NAME}${NAME}"), "${NAME}a\"b");
}

TEST(ManifestFiles, AVariableThatIsNotSetIsAMistake) {
  EXPECT_EQ(label("${OTHER}"),
            "m:3:16: the variable OTHER is not set: export it, or write "
            "$${OTHER} for the text itself");
}

TEST(ManifestFiles, SectionsOfAHostAreRefusedByName) {
  const auto file = read_manifest("[host]\nlisten = []\n", "m", variable);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("'host' is of the file of `tenon serve`"));
}

TEST(ManifestFiles, MistakesAreToldWithTheirPlaces) {
  const auto file = read_manifest(
      "[[environment]]\nname = \"a\"\n[[environment]]\nname = \"a\"\nx = 1\n", "m", variable);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("m:5:1: unknown key 'x'"));
}

TEST(ManifestFiles, LinesOfAnAnswerGetTheirPlaces) {
  const auto file = read("y");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->placed("resources[0].spec.labels.x: no"), "m:3:16: labels.x: no");
  EXPECT_EQ(file->placed("resources[0].spec.nowhere: no"), "m:1:1: nowhere: no");
  for (const char* line : {"resources[9].spec.x: no", "resources[", "resources[x", "no"}) {
    EXPECT_EQ(file->placed(line), "m: " + std::string(line));
  }
}

}  // namespace
}  // namespace tenon::cli
