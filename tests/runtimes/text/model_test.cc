// A real vocabulary: all-MiniLM-L6-v2's, from $TENON_MODELS (default: models).

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/runtimes/text/golden.h"
#include "tests/runtimes/text/support.h"

namespace tenon::text {
namespace {

constexpr auto kGolden = "tests/golden/tokenizer_minilm.json";

const std::string& minilm_json() {
  static const std::string json = [] {
    const char* models = std::getenv("TENON_MODELS");
    return read_file(std::string(models ? models : "models") + "/all-MiniLM-L6-v2/tokenizer.json");
  }();
  return json;
}

Tokenizer mapped() {
  const MemoryFile file;
  EXPECT_TRUE(Tokenizer::write_table(minilm_json(), file.fd()));
  return Tokenizer::map_table(file.fd()).value();
}

TEST(MiniLm, JsonPathIsEqualToThePythonPackage) {
  expect_golden(Tokenizer::from_json(minilm_json()).value(), kGolden);
}

TEST(MiniLm, TableIsEqualToThePythonPackage) {
  expect_golden(mapped(), kGolden);
}

TEST(MiniLm, TableIsEqualToTheJsonPathOnGeneratedTexts) {
  const auto oracle = Tokenizer::from_json(minilm_json()).value();
  const auto table = mapped();
  std::mt19937 random(3);
  for (int i = 0; i < 3000; ++i) {
    const auto text = generated_text(random);
    const auto expected = oracle.encode(text, {}).value();
    ASSERT_EQ(table.encode(text, {}).value(), expected) << testing::PrintToString(text);
    ASSERT_EQ(table.decode(ids_of(expected), true), oracle.decode(ids_of(expected), true));
  }
}

TEST(MiniLm, TableNamesEveryToken) {
  const auto oracle = Tokenizer::from_json(minilm_json()).value();
  const auto table = mapped();
  EXPECT_EQ(table.vocabulary_size(), 30522u);
  for (std::uint32_t id = 0; id < 30530; ++id) {
    const auto token = oracle.id_to_token(id);
    ASSERT_EQ(table.id_to_token(id), token);
    if (token) {
      ASSERT_EQ(table.token_to_id(*token), id);
      ASSERT_EQ(table.encode(*token, {}).value(), oracle.encode(*token, {}).value()) << *token;
    }
  }
}

}  // namespace
}  // namespace tenon::text
