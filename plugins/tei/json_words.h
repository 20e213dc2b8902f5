#pragma once

#include <string_view>

// What JsonReader's parts share, foremost the words that serde_json has for syntax errors.
namespace tenon::tei::json_words {

inline constexpr std::string_view kEofValue = "EOF while parsing a value";
inline constexpr std::string_view kEofList = "EOF while parsing a list";
inline constexpr std::string_view kEofObject = "EOF while parsing an object";
inline constexpr std::string_view kEofString = "EOF while parsing a string";
inline constexpr std::string_view kExpectedValue = "expected value";
inline constexpr std::string_view kInvalidNumber = "invalid number";
inline constexpr std::string_view kTrailingComma = "trailing comma";
inline constexpr std::string_view kTrailingCharacters = "trailing characters";
inline constexpr std::string_view kKeyMustBeString = "key must be a string";
inline constexpr std::string_view kControlCharacter =
    "control character (\\u0000-\\u001F) found while parsing a string";

inline bool is_digit(int c) {
  return c >= '0' && c <= '9';
}

}  // namespace tenon::tei::json_words
