#include "plugins/tei/text.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace tenon::tei {
namespace {

std::string text_of(float value) {
  std::string out;
  append_float(out, value);
  return out;
}

TEST(Floats, AreLaidOutAsSerdeDoes) {
  const std::vector<std::pair<float, std::string>> cases{
      {0.0f, "0.0"},
      {-0.0f, "-0.0"},
      {1.0f, "1.0"},
      {-1.5f, "-1.5"},
      {0.1f, "0.1"},
      {123456.0f, "123456.0"},
      {16777216.0f, "16777216.0"},
      {0.051029652f, "0.051029652"},
      {-0.0039062f, "-0.0039062"},
      {1e-5f, "0.00001"},
      {1e-6f, "0.000001"},
      {1.25e-6f, "0.00000125"},
      {9.5e-7f, "9.5e-7"},
      {1e-7f, "1e-7"},
      {1.5e-7f, "1.5e-7"},
      {1e12f, "1000000000000.0"},
      {9.5e12f, "9500000000000.0"},
      {1e13f, "1e13"},
      {1.5e13f, "1.5e13"},
      {3.4028235e38f, "3.4028235e38"},
      {1e-45f, "1e-45"},
      {std::numeric_limits<float>::infinity(), "null"},
      {-std::numeric_limits<float>::infinity(), "null"},
      {std::nanf(""), "null"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(text_of(value), text);
}

TEST(Floats, ReadBackAsTheSameWithNoDigitToSpare) {
  std::mt19937 random(7);
  std::normal_distribution<float> like_embeddings(0, 0.05f);
  for (int i = 0; i < 200'000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    const float value = i % 2 == 0 ? like_embeddings(random) : std::bit_cast<float>(bits);
    if (!std::isfinite(value)) continue;
    const std::string text = text_of(value);
    float back = 0;
    std::from_chars(text.data(), text.data() + text.size(), back);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(back), std::bit_cast<std::uint32_t>(value)) << text;
    // The digits are those of the library's own shortest form.
    char shortest[64];
    const auto end = std::to_chars(shortest, shortest + sizeof shortest, std::abs(value),
                                   std::chars_format::scientific)
                         .ptr;
    const auto digits = [](std::string_view number) {
      std::string found;
      for (const char c : number.substr(0, number.find('e'))) {
        if (c >= '0' && c <= '9' && (c != '0' || !found.empty())) found += c;
      }
      while (found.ends_with('0')) found.pop_back();
      return found;
    };
    ASSERT_EQ(digits(text), digits(std::string_view(shortest, end))) << text;
  }
}

TEST(Floats, StandInListsWithoutSpaces) {
  std::string out;
  append_floats(out, std::vector<float>{1, -0.5f, 1e-7f});
  append_floats(out, {});
  EXPECT_EQ(out, "[1.0,-0.5,1e-7][]");
}

TEST(Doubles, TurnScientificLater) {
  const auto text_of_double = [](double value) {
    std::string out;
    append_double(out, value);
    return out;
  };
  EXPECT_EQ(text_of_double(1e15), "1000000000000000.0");
  EXPECT_EQ(text_of_double(1e16), "1e16");
  EXPECT_EQ(text_of_double(1e-5), "0.00001");
  EXPECT_EQ(text_of_double(1e-6), "1e-6");
  EXPECT_EQ(text_of_double(0.1), "0.1");
}

TEST(Base64, HoldsLittleEndianFloatsWithPadding) {
  const auto text_of_floats = [](const std::vector<float>& values) {
    std::string out;
    append_base64(out, values);
    return out;
  };
  EXPECT_EQ(text_of_floats({1.0f}), "AACAPw==");
  EXPECT_EQ(text_of_floats({1.0f, -2.5f}), "AACAPwAAIMA=");
  EXPECT_EQ(text_of_floats({1.0f, -2.5f, 0.0f}), "AACAPwAAIMAAAAAA");
  EXPECT_EQ(text_of_floats({}), "");
}

TEST(Strings, AreEscapedAsSerdeDoes) {
  std::string out;
  append_string(out, std::string_view("a\"\\/\b\f\n\r\t\x01\x1f\x7f\0é😀", 19));
  EXPECT_EQ(out, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000é😀\"");
}

TEST(Utf8, TellsValidFromInvalid) {
  const std::string_view valid = "aé€😀, and plain text that is long";
  EXPECT_EQ(valid_utf8_prefix(valid), valid.size());
  EXPECT_EQ(valid_utf8_prefix("a\xc3"), 1u);
  EXPECT_EQ(valid_utf8_prefix("ab\xc0\x80"), 2u);        // overlong
  EXPECT_EQ(valid_utf8_prefix("\xe0\x9f\xbf"), 0u);      // overlong
  EXPECT_EQ(valid_utf8_prefix("\xed\xa0\x80"), 0u);      // surrogate
  EXPECT_EQ(valid_utf8_prefix("\xf4\x90\x80\x80"), 0u);  // beyond U+10FFFF
  EXPECT_EQ(valid_utf8_prefix("\x80"), 0u);
  EXPECT_EQ(to_valid_utf8("a\xff\xe2\x82z\xf0\x9f\x98\x80"), "a\xef\xbf\xbd\xef\xbf\xbdz😀");
}

TEST(Utf8, CountsScalarsAndFindsBoundaries) {
  EXPECT_EQ(count_chars("aé€😀"), 4u);
  EXPECT_EQ(count_chars(""), 0u);
  EXPECT_TRUE(is_char_boundary("é", 0));
  EXPECT_FALSE(is_char_boundary("é", 1));
  EXPECT_TRUE(is_char_boundary("é", 2));
  EXPECT_FALSE(is_char_boundary("é", 3));
}

TEST(DebugQuotes, ShowWhatCannotBeSeen) {
  EXPECT_EQ(debug_quoted("a\"\\'\n\t\r"), R"("a\"\\'\n\t\r")");
  EXPECT_EQ(debug_quoted(std::string_view("\0\x1b\x7f", 3)), R"("\0\u{1b}\u{7f}")");
  EXPECT_EQ(debug_quoted("é\u0301\u200b"), R"("é\u{301}\u{200b}")");
}

}  // namespace
}  // namespace tenon::tei
