#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "runtimes/text/tokenizer.h"
#include "tests/runtimes/text/support.h"

namespace tenon::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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
  std::vector<std::uint32_t> ids{1, 2};
  EXPECT_FALSE(tokenizer.encode_ids("the \xff fox", {}, ids));
  EXPECT_THAT(ids, IsEmpty());
}

std::size_t thread_count() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}));
}

// A template holds a tokenizer and forks: neither a pool nor a lock may be left behind.
TEST(Tokenizer, StartsNoThreadAndWorksAfterAFork) {
  const auto before = thread_count();
  const auto tokenizer = Tokenizer::from_json(small_json()).value();
  const auto expected = tokenizer.encode("the quick \u4e2d fox", {}).value();
  ASSERT_TRUE(tokenizer.decode(ids_of(expected), true));
  EXPECT_EQ(thread_count(), before);
  for (int i = 0; i < 20; ++i) {
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(20);
      const auto inherited = thread_count();  // a sanitizer may have one of its own
      const auto tokens = tokenizer.encode("the quick \u4e2d fox", {});
      ::_exit(tokens && *tokens == expected && thread_count() == inherited ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

TEST(Tokenizer, IsSharedByThreads) {
  const auto tokenizer = Tokenizer::from_json(small_json()).value();
  const auto texts = nasty_texts();
  std::vector<std::vector<Token>> expected;
  for (const auto& text : texts) expected.push_back(tokenizer.encode(text, {}).value());
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::size_t t = 0; t < texts.size(); ++t) {
        EXPECT_EQ(tokenizer.encode(texts[t], {}).value(), expected[t]);
      }
    });
  }
}

TEST(Tokenizer, RefusesADamagedFileWithAReason) {
  const auto& json = small_json();
  for (std::size_t size = 0; size + 2 < json.size(); size += 7) {
    EXPECT_FALSE(Tokenizer::from_json(std::string_view(json).substr(0, size))) << size;
  }
  for (const auto& bad :
       {std::string(200000, '['), replaced(json, "WordPiece\", \"unk", "Mystery\", \"unk"),
        replaced(json, "\"version\": \"1.0\"", "\"version\": \"9.0\""),
        replaced(json, "\"the\": 5", "\"the\": -5"),
        replaced(json, "\"clean_text\": true", "\"clean_text\": 7"),
        replaced(json, "\"model\"", "\"modell\"")}) {
    const auto tokenizer = Tokenizer::from_json(bad);
    ASSERT_FALSE(tokenizer) << bad;
    EXPECT_EQ(tokenizer.error().kind, Error::Kind::kInvalid);
    EXPECT_NE(tokenizer.error().message, "");
  }
}

}  // namespace
}  // namespace tenon::text
