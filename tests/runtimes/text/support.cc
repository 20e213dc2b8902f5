#include "tests/runtimes/text/support.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace tenon::text {
namespace {

std::string utf8(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(value); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | c >> 6), byte(0x80 | (c & 63))};
  if (c < 0x10000) {
    return {byte(0xe0 | c >> 12), byte(0x80 | (c >> 6 & 63)), byte(0x80 | (c & 63))};
  }
  return {byte(0xf0 | c >> 18), byte(0x80 | (c >> 12 & 63)), byte(0x80 | (c >> 6 & 63)),
          byte(0x80 | (c & 63))};
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::string& small_json() {
  static const std::string json = read_file("tests/runtimes/text/data/small_wordpiece.json");
  return json;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::vector<std::uint32_t> ids_of(const std::vector<Token>& tokens) {
  std::vector<std::uint32_t> ids;
  for (const auto& token : tokens) ids.push_back(token.id);
  return ids;
}

std::vector<std::optional<Truncation>> truncations() {
  return {std::nullopt, Truncation{0, Direction::kRight}, Truncation{5, Direction::kRight},
          Truncation{5, Direction::kLeft}, Truncation{512, Direction::kLeft}};
}

std::vector<std::string> nasty_texts() {
  using namespace std::string_literals;
  return {
      "",
      " ",
      " \t\n\r  ",
      "the",
      "The QUICK brown fox jumps over the lazy dog.",
      "  the\tquick\nbrown\r\nfox  ",
      "unwanting, unwanted! cafe?",
      "caf\u00e9 cafe\u0301 CAF\u00c9",
      "a\u0300\u0301\u0302\u0303 b\u20dd",
      "\u0301\u0302",
      "\u4e2d\u6587 the\u4e2d\u6587fox",
      "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \ud55c\uad6d\uc5b4",
      "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 the \u05d5",
      "\u202ethe fox\u202c",
      "\U0001f642 \U0001f468\u200d\U0001f469\u200d\U0001f467 the\U0001f642fox \U0001f1eb\U0001f1f7",
      "\u03a9\u03a3 \u1f08\u03c7\u03b9\u03bb\u03bb\u03b5\u03cd\u03c2 \u0130stanbul \u00df \ufb01",
      "the\0fox"s,
      "\x01\x02the\x7f fox\x1b[0m",
      "the\u00a0fox\u2003dog\u3000a\u200bb\u2028c\u0085",
      "\ufeffthe fox\ufffd\ufffe",
      "\ue000\U000e0001\U0010ffff",
      "[CLS] the [SEP] fox [MASK] [PAD] [UNK]",
      "the  [MASK]  fox[SEP]dog[CLS",
      "[cls] [sep] [ MASK ] [[MASK]]",
      "don't a-b a,b.c!d",
      "!!!???...,,,---'''[[[]]]",
      std::string(19, 'a'),
      std::string(20, 'a'),
      std::string(21, 'a'),
      std::string(101, 'a') + " the",
      std::string(5000, 'a'),
      std::string(300, '.'),
      "the " + std::string(21, 'b') + " fox",
      "1011 10 1 0 01",
      "\u03c9\u03c3\u03c9\u03c3 \u03c9\u03c3\u03c9",
      "https://example.org/a?b=1&c=2#d user@example.org C:\\dog",
      "#hash ##s ##ed ## #",
      "`code` {json: [1, 2]} <tag> $1 ~ ^ | \\ / @ % & * ( ) _ + =",
  };
}

std::string generated_text(std::mt19937& random) {
  static const std::vector<std::string> parts = {
      "the", "quick", "Brown", "FOX",   "jump", "s",      "ed",     "la",         "zy",
      "un",  "want",  "ing",   "[SEP]", "[",    "[MASK]", ",",      ".",          "'",
      " ",   "  ",    "\n",    "\t",    "##",   "\u0301", "\u4e2d", "\U0001f642", "\u00e9",
      "a",   "b",     "ab",    "c",     "xyz",  "\u200d", "\u3000", "\u03c3",     "\u0000",
      "1",   "0",     "-",     "!",     "?",    "\u00ad"};
  static constexpr char32_t kFirst[] = {0, 0x20, 0x80, 0x300, 0x600, 0x2000, 0x4e00, 0x1f300};
  const auto below = [&](std::size_t n) { return random() % n; };
  // Half of the texts are plain ASCII, where the short cut is taken.
  const bool ascii = below(2) == 0;
  std::string text;
  for (auto left = below(30); left > 0; --left) {
    if (below(4) != 0) {
      const auto& part = parts[below(parts.size())];
      if (!ascii || static_cast<unsigned char>(part[0]) < 0x80) text += part;
    } else if (ascii) {
      text += static_cast<char>(' ' + below(95));
    } else {
      text += utf8(kFirst[below(std::size(kFirst))] + static_cast<char32_t>(below(0x100)));
    }
    if (below(3) == 0) text += ' ';
  }
  return text;
}

MemoryFile::MemoryFile(std::string_view content) : fd_(::memfd_create("tokenizer", MFD_CLOEXEC)) {
  EXPECT_GE(fd_, 0);
  EXPECT_EQ(::write(fd_, content.data(), content.size()), static_cast<ssize_t>(content.size()));
}

MemoryFile::~MemoryFile() {
  ::close(fd_);
}

std::string MemoryFile::content() const {
  struct stat info{};
  EXPECT_EQ(::fstat(fd_, &info), 0);
  std::string content(static_cast<std::size_t>(info.st_size), '\0');
  EXPECT_EQ(::pread(fd_, content.data(), content.size(), 0), info.st_size);
  return content;
}

}  // namespace tenon::text
