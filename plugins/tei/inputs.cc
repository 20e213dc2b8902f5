#include "plugins/tei/inputs.h"

#include <fmt/format.h>

#include "plugins/tei/text.h"

namespace tenon::tei {

namespace {

// Inputs longer than this many characters for each token are not even tokenized.
constexpr std::uint64_t kCharactersPerToken = 250;

std::unexpected<ApiError> tokenizer_failed(const text::Error& error) {
  return std::unexpected(ApiError::tokenizer(error.message));
}

}  // namespace

Inputter::Inputter(const text::Tokenizer& tokenizer, std::optional<Prompts> prompts, Limits limits)
    : tokenizer_(tokenizer), prompts_(std::move(prompts)), limits_(std::move(limits)) {}

std::size_t count_characters(const Input& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return count_chars(*text);
  return std::get<std::vector<std::uint32_t>>(input).size();
}

std::expected<std::optional<std::string_view>, ApiError> Inputter::prompt_for(
    const std::optional<std::string>* name) const {
  if (name != nullptr && name->has_value()) {
    auto prompt = find_prompt(prompts_, **name);
    if (!prompt) return std::unexpected(ApiError::validation(prompt.error()));
    return *prompt;
  }
  if (limits_.has_default_prompt) return limits_.default_prompt;
  return std::nullopt;
}

std::expected<void, ApiError> Inputter::check_characters(Input& input, bool truncate) const {
  const std::uint64_t limit = limits_.max_input_tokens * kCharactersPerToken;
  const std::size_t given = count_characters(input);
  if (given <= limit) return {};
  if (!truncate) {
    return std::unexpected(ApiError::validation(
        fmt::format("`inputs` must have less than {} characters. Given: {}", limit, given)));
  }
  // At that byte, not that character: so does TEI.
  auto* text = std::get_if<std::string>(&input);
  if (text != nullptr && is_char_boundary(*text, limit)) text->resize(limit);
  return {};
}

std::expected<std::vector<std::uint32_t>, ApiError> Inputter::encode(Input& input,
                                                                     const Options& options) const {
  const bool empty = std::visit([](const auto& value) { return value.empty(); }, input);
  if (empty) return std::unexpected(ApiError::empty("`inputs` cannot be empty"));
  auto prompt = prompt_for(options.prompt_name);
  if (!prompt) return std::unexpected(prompt.error());
  if (auto checked = check_characters(input, options.truncate); !checked) {
    return std::unexpected(checked.error());
  }

  std::string decoded;
  const auto* text = std::get_if<std::string>(&input);
  const bool from_ids = text == nullptr;
  if (from_ids) {
    auto back = tokenizer_.decode(std::get<std::vector<std::uint32_t>>(input), prompt->has_value());
    if (!back) return tokenizer_failed(back.error());
    decoded = std::move(*back);
    text = &decoded;
  }
  std::string prompted;
  if (prompt->has_value()) {
    prompted = std::string(**prompt) + *text;
    text = &prompted;
  }

  text::EncodeOptions encode_options;
  encode_options.add_special_tokens = !from_ids || prompt->has_value();
  if (options.truncate) {
    encode_options.truncation = text::Truncation{
        limits_.max_input_tokens,
        options.direction == Truncation::kLeft ? text::Direction::kLeft : text::Direction::kRight};
  }
  std::vector<std::uint32_t> ids;
  if (auto encoded = tokenizer_.encode_ids(*text, encode_options, ids); !encoded) {
    return tokenizer_failed(encoded.error());
  }
  if (ids.size() > limits_.max_input_tokens) {
    return std::unexpected(
        ApiError::validation(fmt::format("`inputs` must have less than {} tokens. Given: {}",
                                         limits_.max_input_tokens, ids.size())));
  }
  return ids;
}

std::expected<void, ApiError> Inputter::tokenize(std::string&& text, bool add_special_tokens,
                                                 const std::optional<std::string>& prompt_name,
                                                 std::string& out) const {
  if (text.empty()) return std::unexpected(ApiError::empty("`inputs` cannot be empty"));
  auto prompt = prompt_for(&prompt_name);
  if (!prompt) return std::unexpected(prompt.error());
  Input input = std::move(text);
  if (auto checked = check_characters(input, false); !checked) {
    return std::unexpected(checked.error());
  }
  const std::string prompted =
      std::string(prompt->value_or(std::string_view())) + std::get<std::string>(input);
  auto tokens = tokenizer_.encode(prompted, {add_special_tokens, std::nullopt});
  if (!tokens) return tokenizer_failed(tokens.error());
  out += '[';
  for (const text::Token& token : *tokens) {
    if (out.back() != '[') out += ',';
    out += "{\"id\":";
    append_unsigned(out, token.id);
    out += ",\"text\":";
    if (token.special) {
      append_string(out, tokenizer_.id_to_token(token.id).value_or(std::string()));
      out += ",\"special\":true,\"start\":null,\"stop\":null}";
      continue;
    }
    const std::size_t start = std::min<std::size_t>(token.start, prompted.size());
    const std::size_t stop = std::max<std::size_t>(start, token.stop);
    append_string(out, to_valid_utf8(std::string_view(prompted).substr(start, stop - start)));
    out += ",\"special\":false,\"start\":";
    append_unsigned(out, token.start);
    out += ",\"stop\":";
    append_unsigned(out, token.stop);
    out += '}';
  }
  out += ']';
  return {};
}

std::expected<std::string, ApiError> Inputter::decode(const std::vector<std::uint32_t>& ids,
                                                      bool skip_special_tokens) const {
  if (ids.empty()) return std::unexpected(ApiError::empty("`input_ids` cannot be empty"));
  auto text = tokenizer_.decode(ids, skip_special_tokens);
  if (!text) return tokenizer_failed(text.error());
  return std::move(*text);
}

}  // namespace tenon::tei
