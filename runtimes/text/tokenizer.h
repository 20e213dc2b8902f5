#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::text {

// What went wrong, in the tokenizer library's own words where it is one of its errors.
struct Error {
  enum class Kind : std::uint8_t {
    kInvalid,      // a text, id list, tokenizer.json or table that cannot be used
    kUnsupported,  // right, but not this way: a model kind that has no table
    kInternal,     // a defect in the library
  };
  Kind kind = Kind::kInternal;
  std::string message;

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

// From which end tokens are dropped.
enum class Direction : std::uint8_t { kLeft, kRight };

struct Truncation {
  std::size_t max_tokens = 0;  // special tokens included
  Direction direction = Direction::kRight;
};

struct EncodeOptions {
  bool add_special_tokens = true;
  std::optional<Truncation> truncation;  // none: every token
};

struct Token {
  std::uint32_t id = 0;
  std::uint32_t type_id = 0;
  std::uint32_t start = 0;  // bytes [start, stop) of the text; both 0 for a special token
  std::uint32_t stop = 0;
  bool special = false;  // added by the post-processor, not found in the text

  bool operator==(const Token&) const = default;
};

// A Hugging Face tokenizer: immutable, safe for concurrent use, starts no thread, may be made
// before a fork. Padding and truncation that tokenizer.json switches on are ignored: the caller
// says.
//
//   auto tokenizer = Tokenizer::from_json(json);
//   std::vector<std::uint32_t> ids;
//   tokenizer->encode_ids("hello", {.truncation = Truncation{512}}, ids);
class Tokenizer {
 public:
  // The content of a tokenizer.json. Slow for what a cold start can spend: 10 ms for 30,000 words.
  static Result<Tokenizer> from_json(std::string_view json);

  // Writes at fd's position the table that map_table() reads: everything of tokenizer.json, the
  // vocabulary as a hash table to be used in place. kUnsupported: the model is not WordPiece.
  static Result<void> write_table(std::string_view json, int fd);

  // Maps the whole file (the caller may close fd afterwards). The file must not change while it is
  // mapped. One that is cut short, damaged or of another layout is kInvalid: make it anew.
  static Result<Tokenizer> map_table(int fd);

  // A good name for the table's file: it changes with the layout.
  static constexpr std::string_view kTableName = "tokenizer-v1";

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // The text must be UTF-8 and shorter than 4 GiB.
  Result<std::vector<Token>> encode(std::string_view text, const EncodeOptions& options) const;

  // Ids alone, replacing what ids holds (nothing, after an error); its capacity is reused.
  Result<void> encode_ids(std::string_view text, const EncodeOptions& options,
                          std::vector<std::uint32_t>& ids) const;

  // Unknown ids are left out, as the library does.
  Result<std::string> decode(std::span<const std::uint32_t> ids, bool skip_special_tokens) const;

  std::optional<std::uint32_t> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(std::uint32_t id) const;

  // Distinct tokens, added ones included.
  std::size_t vocabulary_size() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace tenon::text
