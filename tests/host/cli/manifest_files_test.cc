#include "host/cli/manifest_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "host/cli/machine.h"
#include "host/cli/output.h"
#include "host/cli/yaml_writer.h"
#include "host/config/json_nodes.h"

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

// What is printed is read back, whatever it is printed in.
TEST(ManifestFiles, YamlAndJsonHoldWhatTomlDoes) {
  const auto text = read_file("configs/fleet.toml");
  ASSERT_TRUE(text) << text.error().message;
  const auto from_toml = read_tree(*text, "fleet.toml");
  ASSERT_TRUE(from_toml) << from_toml.error().message;
  const auto all = config::json_of(from_toml->root);
  const auto from_yaml = read_tree(to_yaml(all), "fleet.yaml");
  ASSERT_TRUE(from_yaml) << from_yaml.error().message;
  EXPECT_EQ(config::json_of(from_yaml->root), all);
  EXPECT_EQ(from_yaml->notes, "");
  const auto from_json = read_tree(pretty_json(all), std::string(kStandardInput));
  ASSERT_TRUE(from_json) << from_json.error().message;
  EXPECT_EQ(config::json_of(from_json->root), all);

  // As `tenon get -o yaml` prints them.
  std::string printed;
  const auto file = read_manifest(*text, "fleet.toml", variable);
  ASSERT_TRUE(file) << file.error().message;
  for (const ManifestResource& resource : file->resources) {
    printed += "---\n" + to_yaml(boost::json::object{{"kind", to_string(resource.key.kind)},
                                                     {"metadata", {{"version", 3}}},
                                                     {"spec", resource.spec()}});
  }
  const auto again = read_manifest(printed, std::string(kStandardInput), variable);
  ASSERT_TRUE(again) << again.error().message;
  ASSERT_EQ(again->resources.size(), file->resources.size());
  for (std::size_t i = 0; i < file->resources.size(); ++i) {
    EXPECT_EQ(again->resources[i].key, file->resources[i].key);
    EXPECT_EQ(again->resources[i].spec(), file->resources[i].spec());
  }
}

TEST(ManifestFiles, MistakesInYamlAreToldWithTheirPlaces) {
  const auto file =
      read_manifest("kind: policy\nspec:\n  name: p\n  tpye: flavor\n", "p.yml", variable);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("p.yml:4:3: unknown key 'tpye'"));
  const auto filled = read_manifest("kind: workspace\nspec: {name: w, labels: {x: '${NAME}'}}\n",
                                    "p.yml", variable);
  ASSERT_TRUE(filled) << filled.error().message;
  EXPECT_EQ(filled->resources[0].spec().at("labels").at("x").as_string(), "a\"b");
}

TEST(ManifestFiles, ThePublishedFormIsConvertedAndThatIsSaid) {
  const auto file = read_manifest(
      "apiVersion: beamlit.com/v1alpha1\nkind: Environment\nmetadata: {name: production}\n",
      "e.yaml", variable);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->notes, "e.yaml: 1 documents of the published form were converted\n");
  EXPECT_EQ(file->resources.at(0).key.name, "production");
}

}  // namespace
}  // namespace tenon::cli
