#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "runtimes/text/tokenizer.h"

namespace tenon::text {

std::string read_file(const std::string& path);

// A WordPiece tokenizer of some forty words with padding and truncation switched on.
const std::string& small_json();

// Three words, a kind of model that has no table.
inline constexpr std::string_view kWordLevelJson = R"({
  "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
  "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
  "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "[UNK]": 2}, "unk_token": "[UNK]"}})";

// The text with its one occurrence of `from` replaced.
std::string replaced(std::string text, std::string_view from, std::string_view to);

std::vector<std::uint32_t> ids_of(const std::vector<Token>& tokens);

// None, and small ones from both sides.
std::vector<std::optional<Truncation>> truncations();

// Scripts, marks, controls, words too long, special tokens in the text, nothing at all.
std::vector<std::string> nasty_texts();

// Pieces of the above, of the small vocabulary, and characters of every size, mixed.
std::string generated_text(std::mt19937& random);

// A file without a name.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content = {});
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile();

  int fd() const { return fd_; }
  std::string content() const;

 private:
  int fd_;
};

}  // namespace tenon::text
