#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "plugins/tei/json_reader.h"

namespace tenon::tei {

// The request bodies of text-embeddings-inference 1.9, with its defaults.

enum class Truncation : std::uint8_t { kLeft, kRight };

// A text, or the ids of one.
using Input = std::variant<std::string, std::vector<std::uint32_t>>;

// One input alone, or a list. They differ in metrics, limits and messages.
struct Inputs {
  std::vector<Input> values;
  bool single = false;
};

struct EmbedRequest {
  Inputs inputs;
  std::optional<bool> truncate;  // none: the server's own default
  Truncation direction = Truncation::kRight;
  std::optional<std::string> prompt_name;
  bool normalize = true;
  std::optional<std::uint64_t> dimensions;
};

enum class EmbeddingFormat : std::uint8_t { kFloat, kBase64 };

struct OpenAiRequest {
  Inputs input;
  std::optional<std::string> model;
  std::optional<std::string> user;
  EmbeddingFormat format = EmbeddingFormat::kFloat;
  std::optional<std::uint64_t> dimensions;
};

struct SimilaritySentences {
  std::string source;
  std::vector<std::string> others;
};

struct SimilarityParameters {
  std::optional<bool> truncate;
  Truncation direction = Truncation::kRight;
  std::optional<std::string> prompt_name;
};

struct SimilarityRequest {
  SimilaritySentences inputs;
  std::optional<SimilarityParameters> parameters;
};

struct TokenizeRequest {
  std::vector<std::string> inputs;
  bool single = false;
  bool add_special_tokens = true;
  std::optional<std::string> prompt_name;
};

struct DecodeRequest {
  std::vector<std::vector<std::uint32_t>> ids;
  bool single = false;
  bool skip_special_tokens = true;
};

// A text, or a pair of texts.
using Sequence = std::pair<std::string, std::optional<std::string>>;

struct PredictRequest {
  std::vector<Sequence> inputs;
  bool single = false;
  std::optional<bool> truncate;
  Truncation direction = Truncation::kRight;
  bool raw_scores = false;
};

struct RerankRequest {
  std::string query;
  std::vector<std::string> texts;
  std::optional<bool> truncate;
  Truncation direction = Truncation::kRight;
  bool raw_scores = false;
  bool return_text = false;
};

template <class T>
using Parsed = std::expected<T, JsonReader::Error>;

Parsed<EmbedRequest> parse_embed(std::string_view body);
Parsed<EmbedRequest> parse_embed_all(std::string_view body);
Parsed<EmbedRequest> parse_embed_sparse(std::string_view body);
Parsed<OpenAiRequest> parse_openai(std::string_view body);
Parsed<SimilarityRequest> parse_similarity(std::string_view body);
Parsed<TokenizeRequest> parse_tokenize(std::string_view body);
Parsed<DecodeRequest> parse_decode(std::string_view body);
Parsed<PredictRequest> parse_predict(std::string_view body);
Parsed<RerankRequest> parse_rerank(std::string_view body);

}  // namespace tenon::tei
