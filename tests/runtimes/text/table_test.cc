// The mapped table against the JSON path: same ids, offsets, decoded texts and errors.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "runtimes/text/tokenizer.h"
#include "tests/runtimes/text/golden.h"
#include "tests/runtimes/text/support.h"

namespace tenon::text {
namespace {

using testing::HasSubstr;

Tokenizer mapped(const std::string& json) {
  const MemoryFile file;
  EXPECT_TRUE(Tokenizer::write_table(json, file.fd()));
  auto tokenizer = Tokenizer::map_table(file.fd());
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(*tokenizer);
}

void expect_same(const Tokenizer& oracle, const Tokenizer& table, const std::string& text) {
  SCOPED_TRACE(testing::PrintToString(text));
  for (const bool special : {true, false}) {
    for (const auto& truncation : truncations()) {
      const EncodeOptions options{special, truncation};
      const auto expected = oracle.encode(text, options).value();
      EXPECT_EQ(table.encode(text, options).value(), expected);
      std::vector<std::uint32_t> ids;
      ASSERT_TRUE(table.encode_ids(text, options, ids));
      EXPECT_EQ(ids, ids_of(expected));
      EXPECT_EQ(table.decode(ids, special), oracle.decode(ids, special));
    }
  }
}

TEST(Table, IsEqualToThePythonPackage) {
  expect_golden(Tokenizer::from_json(small_json()).value(), "tests/golden/tokenizer_small.json");
  expect_golden(mapped(small_json()), "tests/golden/tokenizer_small.json");
}

TEST(Table, EncodesNastyTextsAsTheJsonPathDoes) {
  const auto oracle = Tokenizer::from_json(small_json()).value();
  const auto table = mapped(small_json());
  for (const auto& text : nasty_texts()) expect_same(oracle, table, text);
}

TEST(Table, EncodesGeneratedTextsAsTheJsonPathDoes) {
  const auto oracle = Tokenizer::from_json(small_json()).value();
  const auto table = mapped(small_json());
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) expect_same(oracle, table, generated_text(random));
}

// Each variant takes another way through the short cut for ASCII, or past it.
TEST(Table, FollowsTheStagesThatTheFileNames) {
  const std::pair<std::string, std::string> variants[] = {
      {R"("lowercase": true)", R"("lowercase": false)"},
      {R"("strip_accents": null)", R"("strip_accents": true)"},
      {R"("clean_text": true)", R"("clean_text": false)"},
      {R"("handle_chinese_chars": true)", R"("handle_chinese_chars": false)"},
      {R"({"type": "BertPreTokenizer"})", R"({"type": "Whitespace"})"},
      {R"({"type": "BertPreTokenizer"})", "null"},
      {R"("lstrip": true, "rstrip": false, "normalized": false)",
       R"("lstrip": true, "rstrip": true, "normalized": true)"},
      {R"("max_input_chars_per_word": 20)", R"("max_input_chars_per_word": 3)"},
      {R"("continuing_subword_prefix": "##")", R"("continuing_subword_prefix": "")"},
      {R"("id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}])",
       R"("id": "A", "type_id": 1}}])"},
      {R"("id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}])",
       R"("id": "A", "type_id": 1}}, {"Sequence": {"id": "A", "type_id": 0}}])"},
      {R"({"id": 4, "content": "[MASK]", "single_word": false)",
       R"({"id": 43, "content": "fox", "single_word": true)"},
      {R"({"id": 4, "content": "[MASK]", "single_word": false, "lstrip": true, "rstrip": false, "normalized": false, "special": true})",
       R"({"id": 8, "content": "FOX", "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": false},
          {"id": 8, "content": "FOX", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": false})"},
      {R"("decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true})",
       R"("decoder": null)"},
  };
  std::mt19937 random(11);
  for (const auto& [from, to] : variants) {
    const auto json = replaced(small_json(), from, to);
    SCOPED_TRACE(to);
    const auto oracle = Tokenizer::from_json(json);
    ASSERT_TRUE(oracle) << oracle.error().message;
    const auto table = mapped(json);
    EXPECT_EQ(table.vocabulary_size(), oracle->vocabulary_size());
    for (const auto& text : nasty_texts()) expect_same(*oracle, table, text);
    for (int i = 0; i < 50; ++i) expect_same(*oracle, table, generated_text(random));
  }
}

TEST(Table, NamesEveryTokenAsTheJsonPathDoes) {
  const auto json = replaced(small_json(), R"("##1": 41)", R"("##1": 4100000)");
  const auto oracle = Tokenizer::from_json(json).value();
  const auto table = mapped(json);
  EXPECT_EQ(table.vocabulary_size(), oracle.vocabulary_size());
  for (std::uint32_t id = 0; id < 50; ++id)
    EXPECT_EQ(table.id_to_token(id), oracle.id_to_token(id));
  EXPECT_EQ(table.id_to_token(4100000), "##1");
  for (const std::string token : {"", "#", "##", "##1", "the", "[MASK]", "\u4e2d", "nowhere"}) {
    EXPECT_EQ(table.token_to_id(token), oracle.token_to_id(token)) << token;
  }
}

TEST(Table, ReportsAMissingUnknownTokenInTheLibrarysWords) {
  const auto json = replaced(small_json(), R"("unk_token": "[UNK]")", R"("unk_token": "<unk>")");
  const auto oracle = Tokenizer::from_json(json).value();
  const auto table = mapped(json);
  for (const std::string text : {"zzz", "z\u00fcz"}) {
    const auto expected = oracle.encode(text, {});
    const auto found = table.encode(text, {});
    ASSERT_FALSE(expected);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().message, expected.error().message);
    EXPECT_EQ(found.error().message, "WordPiece error: Missing [UNK] token from the vocabulary");
  }
}

TEST(Table, IsForWordPieceOnly) {
  const MemoryFile file;
  const auto written = Tokenizer::write_table(kWordLevelJson, file.fd());
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, Error::Kind::kUnsupported);

  const auto tokenizer = Tokenizer::from_json(kWordLevelJson).value();
  EXPECT_EQ(ids_of(tokenizer.encode("b a c", {}).value()), (std::vector<std::uint32_t>{1, 0, 2}));
}

TEST(Table, RefusesAFileOfAnotherKind) {
  for (const auto& content :
       {std::string(), std::string("x"), std::string(4096, '\0'), small_json()}) {
    const auto tokenizer = Tokenizer::map_table(MemoryFile(content).fd());
    ASSERT_FALSE(tokenizer);
    EXPECT_EQ(tokenizer.error().kind, Error::Kind::kInvalid);
    EXPECT_THAT(tokenizer.error().message, HasSubstr("not a tokenizer table"));
  }
  EXPECT_FALSE(Tokenizer::map_table(-1));
}

TEST(Table, RefusesEveryCutAndEveryFlippedByte) {
  const MemoryFile file;
  ASSERT_TRUE(Tokenizer::write_table(small_json(), file.fd()));
  const auto good = file.content();
  for (std::size_t size = 0; size < good.size(); size += 3) {
    EXPECT_FALSE(Tokenizer::map_table(MemoryFile(good.substr(0, size)).fd())) << size;
  }
  EXPECT_FALSE(Tokenizer::map_table(MemoryFile(good + '\0').fd()));
  for (std::size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x41);
    const auto tokenizer = Tokenizer::map_table(MemoryFile(bad).fd());
    ASSERT_FALSE(tokenizer) << at;
    EXPECT_EQ(tokenizer.error().kind, Error::Kind::kInvalid) << at;
  }
}

}  // namespace
}  // namespace tenon::text
