#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tenon::tei {

// Appends to out what serde_json writes: compact JSON.
void append_string(std::string& out, std::string_view text);  // quoted and escaped; text is UTF-8
void append_unsigned(std::string& out, std::uint64_t value);
// Shortest digits that read back as the same float; null when not finite.
void append_float(std::string& out, float value);
void append_double(std::string& out, double value);
void append_floats(std::string& out, std::span<const float> values);  // [a,b,…]

// Little-endian floats in base64, standard alphabet, padded, without quotes.
void append_base64(std::string& out, std::span<const float> values);

// How Rust's {:?} shows a string.
std::string debug_quoted(std::string_view text);

// ---- UTF-8 ----

void append_utf8(std::string& out, std::uint32_t code_point);
// Bytes of the longest valid prefix.
std::size_t valid_utf8_prefix(std::string_view text);
// Unicode scalar values in valid UTF-8.
std::size_t count_chars(std::string_view text);
// Whether text can be cut before byte at: not inside a character, nor beyond the end.
bool is_char_boundary(std::string_view text, std::size_t at);
// Each maximal invalid sequence becomes U+FFFD, as String::from_utf8_lossy does.
std::string to_valid_utf8(std::string_view text);

// 10^n for n ≤ 308, correctly rounded.
double exact_power_of_ten(unsigned n);

}  // namespace tenon::tei
