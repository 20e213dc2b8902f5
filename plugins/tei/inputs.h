#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/tei/answer.h"
#include "plugins/tei/model_folder.h"
#include "plugins/tei/requests.h"
#include "runtimes/text/tokenizer.h"

namespace tenon::tei {

// From inputs to ids and back, by TEI's rules: prompts, limits, truncation. Immutable; safe for
// concurrent use.
class Inputter {
 public:
  // The tokenizer must outlive it.
  Inputter(const text::Tokenizer& tokenizer, std::optional<Prompts> prompts, Limits limits);

  struct Options {
    bool truncate = true;
    Truncation direction = Truncation::kRight;
    const std::optional<std::string>* prompt_name = nullptr;  // null: none
  };
  // The ids to embed. The input may be cut in place.
  std::expected<std::vector<std::uint32_t>, ApiError> encode(Input& input,
                                                             const Options& options) const;

  // Appends to out the tokens of a text as /tokenize lists them.
  std::expected<void, ApiError> tokenize(std::string&& input, bool add_special_tokens,
                                         const std::optional<std::string>& prompt_name,
                                         std::string& out) const;

  std::expected<std::string, ApiError> decode(const std::vector<std::uint32_t>& ids,
                                              bool skip_special_tokens) const;

  std::uint64_t max_input_tokens() const { return limits_.max_input_tokens; }

 private:
  std::expected<std::optional<std::string_view>, ApiError> prompt_for(
      const std::optional<std::string>* name) const;
  std::expected<void, ApiError> check_characters(Input& input, bool truncate) const;

  const text::Tokenizer& tokenizer_;
  std::optional<Prompts> prompts_;
  Limits limits_;
};

// What x-compute-characters counts: Unicode scalar values of a text, or ids.
std::size_t count_characters(const Input& input);

}  // namespace tenon::tei
