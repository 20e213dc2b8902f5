#include "runtimes/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace tenon::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::string& small_json() {
  static const std::string json = read_file("tests/runtimes/text/data/small_wordpiece.json");
  return json;
}

std::vector<std::uint32_t> ids_of(const std::vector<Token>& tokens) {
  std::vector<std::uint32_t> ids;
  for (const auto& token : tokens) ids.push_back(token.id);
  return ids;
}

TEST(Tokenizer, EncodesWithSpecialTokensAndByteOffsets) {
  const auto tokenizer = Tokenizer::from_json(small_json());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto tokens = tokenizer->encode("The quick \u4e2d fox", {});
  ASSERT_TRUE(tokens);
  EXPECT_THAT(*tokens, ElementsAre(Token{2, 0, 0, 0, true}, Token{5, 0, 0, 3, false},
                                   Token{6, 0, 4, 9, false}, Token{23, 0, 10, 13, false},
                                   Token{8, 0, 14, 17, false}, Token{3, 0, 0, 0, true}));
}

TEST(Tokenizer, IgnoresThePaddingAndTruncationOfTheFile) {
  const auto tokenizer = Tokenizer::from_json(small_json()).value();
  const auto tokens = tokenizer.encode("the quick brown fox jumps", {}).value();
  EXPECT_THAT(ids_of(tokens), ElementsAre(2, 5, 6, 7, 8, 9, 10, 3));
}

TEST(Tokenizer, TruncatesFromTheSideThatTheCallNames) {
  const auto tokenizer = Tokenizer::from_json(small_json()).value();
  const auto encode = [&](std::size_t max, Direction direction, bool special) {
    const EncodeOptions options{special, Truncation{max, direction}};
    return ids_of(tokenizer.encode("the quick brown fox", options).value());
  };
  EXPECT_THAT(encode(4, Direction::kRight, true), ElementsAre(2, 5, 6, 3));
  EXPECT_THAT(encode(4, Direction::kLeft, true), ElementsAre(2, 7, 8, 3));
  EXPECT_THAT(encode(3, Direction::kLeft, false), ElementsAre(6, 7, 8));
  EXPECT_THAT(encode(9, Direction::kRight, true), ElementsAre(2, 5, 6, 7, 8, 3));
  EXPECT_THAT(encode(1, Direction::kRight, true), ElementsAre(2, 3));
}

TEST(Tokenizer, IdsAloneAreTheSameIdsWhateverTheBufferHeld) {
  const auto tokenizer = Tokenizer::from_json(small_json()).value();
  std::vector<std::uint32_t> ids(3, 77);
  for (const std::string text :
       {"", "the", "a, b. a! b? a, b. a! b? a, b. a! b? a, b. a! b? !!!!"}) {
    ASSERT_TRUE(tokenizer.encode_ids(text, {}, ids));
    EXPECT_EQ(ids, ids_of(tokenizer.encode(text, {}).value())) << text;
  }
}

TEST(Tokenizer, DecodesAndNamesTokens) {
  const auto tokenizer = Tokenizer::from_json(small_json()).value();
  const std::vector<std::uint32_t> ids{2, 5, 9, 10, 12, 3, 99999};
  EXPECT_EQ(tokenizer.decode(ids, true), "the jumps over");
  EXPECT_EQ(tokenizer.decode(ids, false), "[CLS] the jumps over [SEP]");
  EXPECT_EQ(tokenizer.decode({}, true), "");
  EXPECT_EQ(tokenizer.token_to_id("##zy"), 14);
  EXPECT_EQ(tokenizer.token_to_id("nowhere"), std::nullopt);
  EXPECT_EQ(tokenizer.id_to_token(23), "\u4e2d");
  EXPECT_EQ(tokenizer.id_to_token(43), std::nullopt);
  EXPECT_EQ(tokenizer.vocabulary_size(), 43u);
}

TEST(Tokenizer, SaysWhatIsWrong) {
  const auto broken = Tokenizer::from_json("{\"version\": \"1.0\", ");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind, Error::Kind::kInvalid);
  EXPECT_THAT(broken.error().message, HasSubstr("EOF while parsing"));

  const auto tokenizer = Tokenizer::from_json(small_json()).value();
  const auto bytes = tokenizer.encode("the \xff fox", {});
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().kind, Error::Kind::kInvalid);
  EXPECT_THAT(bytes.error().message, HasSubstr("not UTF-8"));
}

}  // namespace
}  // namespace tenon::text
