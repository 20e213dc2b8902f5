#include "plugins/tei/requests.h"

#include <fmt/format.h>

#include <array>

namespace tenon::tei {

namespace {

using Presence = JsonReader::Presence;
template <class T>
using Field = JsonReader::Field<T>;
using Ids = std::vector<std::uint32_t>;

// ---- untagged enums: any value is read first, then compared with the variants ----

// An array of ids.
class IdsVisitor : public JsonReader::AnyVisitor {
 public:
  void string(std::string&&) override { mismatch_ = true; }
  void other() override { mismatch_ = true; }
  AnyVisitor* array_begin() override {
    mismatch_ = true;
    return nullptr;
  }
  void unsigned_integer(std::uint64_t value) override {
    if (value > UINT32_MAX) {
      mismatch_ = true;
    } else if (!mismatch_) {
      ids_.push_back(static_cast<std::uint32_t>(value));
    }
  }

  bool empty() const { return ids_.empty(); }
  bool matches() const { return !mismatch_; }
  Ids take() { return std::exchange(ids_, {}); }

 private:
  Ids ids_;
  bool mismatch_ = false;
};

// The elements of an array: ids, or texts and arrays of ids.
class ListVisitor : public JsonReader::AnyVisitor {
 public:
  void string(std::string&& value) override {
    finish_ids();
    items_.emplace_back(std::move(value));
  }
  void unsigned_integer(std::uint64_t value) override { flat_.unsigned_integer(value); }
  void other() override { mismatch_ = true; }
  AnyVisitor* array_begin() override {
    finish_ids();
    items_.emplace_back(Ids());
    return &nested_;
  }

  // Ends the list.
  bool matches() {
    finish_ids();
    return !mismatch_ && flat_.matches() && nested_.matches() && (flat_.empty() || items_.empty());
  }
  bool is_flat() const { return items_.empty(); }
  Ids take_flat() { return flat_.take(); }
  std::vector<Input> take_items() { return std::move(items_); }

 private:
  // nested_ serves one array after the other.
  void finish_ids() {
    if (!nested_.empty()) items_.back() = nested_.take();
  }
  IdsVisitor flat_;
  IdsVisitor nested_;
  std::vector<Input> items_;
  bool mismatch_ = false;
};

// A text, or a list.
class InputVisitor : public JsonReader::AnyVisitor {
 public:
  void string(std::string&& value) override { text = std::move(value); }
  void unsigned_integer(std::uint64_t) override {}
  void other() override {}
  AnyVisitor* array_begin() override { return &list.emplace(); }

  std::optional<std::string> text;
  std::optional<ListVisitor> list;
};

bool read_inputs(JsonReader& reader, Inputs& inputs) {
  InputVisitor visitor;
  if (!reader.read_any(&visitor)) return false;
  if (visitor.text) {
    inputs.single = true;
    inputs.values.emplace_back(std::move(*visitor.text));
    return true;
  }
  if (!visitor.list || !visitor.list->matches()) return reader.fail_untagged("Input");
  inputs.single = visitor.list->is_flat();
  if (inputs.single) {
    inputs.values.emplace_back(visitor.list->take_flat());
  } else {
    inputs.values = visitor.list->take_items();
  }
  return true;
}

bool read_tokenize_input(JsonReader& reader, TokenizeRequest& request) {
  InputVisitor visitor;
  if (!reader.read_any(&visitor)) return false;
  request.single = visitor.text.has_value();
  if (visitor.text) {
    request.inputs.push_back(std::move(*visitor.text));
    return true;
  }
  if (!visitor.list || !visitor.list->matches()) return reader.fail_untagged("TokenizeInput");
  if (visitor.list->is_flat() && !visitor.list->take_flat().empty()) {
    return reader.fail_untagged("TokenizeInput");
  }
  for (Input& item : visitor.list->take_items()) {
    auto* text = std::get_if<std::string>(&item);
    if (text == nullptr) return reader.fail_untagged("TokenizeInput");
    request.inputs.push_back(std::move(*text));
  }
  return true;
}

bool read_input_ids(JsonReader& reader, DecodeRequest& request) {
  InputVisitor visitor;
  if (!reader.read_any(&visitor)) return false;
  if (!visitor.list || !visitor.list->matches()) return reader.fail_untagged("InputIds");
  request.single = visitor.list->is_flat();
  if (request.single) {
    request.ids.push_back(visitor.list->take_flat());
    return true;
  }
  for (Input& item : visitor.list->take_items()) {
    auto* ids = std::get_if<Ids>(&item);
    if (ids == nullptr) return reader.fail_untagged("InputIds");
    request.ids.push_back(std::move(*ids));
  }
  return true;
}

// ---- the input of /predict has a reader of its own in TEI ----

constexpr std::string_view kPredictExpected =
    "a string, a pair of strings [string, string] or a batch of mixed strings and pairs "
    "[[string], [string, string], ...]";

bool fail_length(JsonReader& reader, std::size_t length) {
  return reader.fail_shape(fmt::format("invalid length {}, expected {}", length, kPredictExpected));
}

bool to_sequence(JsonReader& reader, std::vector<std::string>&& texts, Sequence& sequence) {
  if (texts.empty() || texts.size() > 2) return fail_length(reader, texts.size());
  sequence.first = std::move(texts[0]);
  if (texts.size() == 2) sequence.second = std::move(texts[1]);
  return true;
}

// What follows a text in an array: at most one more.
bool read_pair_rest(JsonReader& reader, std::string&& first, PredictRequest& request) {
  request.single = true;
  std::optional<std::string> second;
  bool there = false;
  std::string text;
  for (std::size_t i = 1; i <= 2; ++i) {
    if (!reader.next_element(i, there)) return false;
    if (!there) break;
    if (!reader.element(i, [&] { return reader.read_string(text); })) return false;
    if (i == 2) return fail_length(reader, 3);
    second = std::move(text);
  }
  request.inputs.emplace_back(std::move(first), std::move(second));
  return true;
}

bool read_predict_array(JsonReader& reader, PredictRequest& request) {
  bool there = false;
  if (!reader.next_element(0, there)) return false;
  if (!there) return fail_length(reader, 0);
  InputVisitor first;
  std::vector<std::string> texts;
  const bool matched = reader.element(0, [&] {
    if (!reader.read_any(&first)) return false;
    if (first.text) return true;
    if (!first.list || !first.list->matches()) return reader.fail_untagged("Internal");
    if (first.list->is_flat() && !first.list->take_flat().empty()) {
      return reader.fail_untagged("Internal");
    }
    for (Input& item : first.list->take_items()) {
      auto* text = std::get_if<std::string>(&item);
      if (text == nullptr) return reader.fail_untagged("Internal");
      texts.push_back(std::move(*text));
    }
    return true;
  });
  if (!matched) return false;
  if (first.text) return read_pair_rest(reader, std::move(*first.text), request);
  for (std::size_t i = 1;; ++i) {
    if (!to_sequence(reader, std::move(texts), request.inputs.emplace_back())) return false;
    if (!reader.next_element(i, there)) return false;
    if (!there) return true;
    if (!reader.element(i, [&] { return reader.read_strings(texts); })) return false;
  }
}

bool read_predict_input(JsonReader& reader, PredictRequest& request) {
  return reader.read_string_or_array(
      kPredictExpected,
      [&](std::string&& text) {
        request.single = true;
        request.inputs.emplace_back(std::move(text), std::nullopt);
      },
      [&] { return read_predict_array(reader, request); });
}

// ---- fields that several requests share ----

bool read_direction(JsonReader& reader, Truncation& direction) {
  static constexpr std::array<std::string_view, 4> kNames{"Left", "left", "Right", "right"};
  std::size_t index = 0;
  if (!reader.read_variant(kNames, index)) return false;
  direction = index < 2 ? Truncation::kLeft : Truncation::kRight;
  return true;
}

template <class T>
constexpr Field<T> direction_field() {
  return {"truncation_direction", Presence::kDefault,
          [](JsonReader& reader, T& request) { return read_direction(reader, request.direction); }};
}

template <class T>
constexpr Field<T> truncate_field(Presence presence) {
  return {"truncate", presence, [](JsonReader& reader, T& request) {
            return reader.read_optional(&JsonReader::read_bool, request.truncate);
          }};
}

template <class T>
constexpr Field<T> prompt_field() {
  return {"prompt_name", Presence::kOptional, [](JsonReader& reader, T& request) {
            return reader.read_optional(&JsonReader::read_string, request.prompt_name);
          }};
}

template <class T>
constexpr Field<T> dimensions_field() {
  return {"dimensions", Presence::kOptional, [](JsonReader& reader, T& request) {
            return reader.read_optional(&JsonReader::read_size, request.dimensions);
          }};
}

template <class T, bool T::* kMember>
constexpr Field<T> flag_field(std::string_view name) {
  return {name, Presence::kDefault,
          [](JsonReader& reader, T& request) { return reader.read_bool(request.*kMember); }};
}

constexpr Field<EmbedRequest> kEmbedInputs{
    "inputs", Presence::kRequired,
    [](JsonReader& reader, EmbedRequest& request) { return read_inputs(reader, request.inputs); }};

template <class T>
Parsed<T> parse(std::string_view body, std::string_view name, std::span<const Field<T>> fields) {
  JsonReader reader(body);
  Parsed<T> request{};
  if (!reader.read_struct(name, fields, *request)) return std::unexpected(reader.error());
  return request;
}

constexpr std::array kEmbedAllFields{kEmbedInputs, truncate_field<EmbedRequest>(Presence::kDefault),
                                     direction_field<EmbedRequest>(), prompt_field<EmbedRequest>()};

}  // namespace

Parsed<EmbedRequest> parse_embed(std::string_view body) {
  static constexpr std::array kFields{
      kEmbedInputs,
      truncate_field<EmbedRequest>(Presence::kDefault),
      direction_field<EmbedRequest>(),
      prompt_field<EmbedRequest>(),
      flag_field<EmbedRequest, &EmbedRequest::normalize>("normalize"),
      dimensions_field<EmbedRequest>()};
  return parse<EmbedRequest>(body, "EmbedRequest", kFields);
}

Parsed<EmbedRequest> parse_embed_all(std::string_view body) {
  return parse<EmbedRequest>(body, "EmbedAllRequest", kEmbedAllFields);
}

Parsed<EmbedRequest> parse_embed_sparse(std::string_view body) {
  return parse<EmbedRequest>(body, "EmbedSparseRequest", kEmbedAllFields);
}

Parsed<OpenAiRequest> parse_openai(std::string_view body) {
  using Request = OpenAiRequest;
  static constexpr std::array kFields{
      Field<Request>{"input", Presence::kRequired,
                     [](JsonReader& reader, Request& r) { return read_inputs(reader, r.input); }},
      Field<Request>{"model", Presence::kOptional,
                     [](JsonReader& reader, Request& r) {
                       return reader.read_optional(&JsonReader::read_string, r.model);
                     }},
      Field<Request>{"user", Presence::kOptional,
                     [](JsonReader& reader, Request& r) {
                       return reader.read_optional(&JsonReader::read_string, r.user);
                     }},
      Field<Request>{"encoding_format", Presence::kDefault,
                     [](JsonReader& reader, Request& r) {
                       static constexpr std::array<std::string_view, 2> kNames{"float", "base64"};
                       std::size_t index = 0;
                       if (!reader.read_variant(kNames, index)) return false;
                       r.format = index == 0 ? EmbeddingFormat::kFloat : EmbeddingFormat::kBase64;
                       return true;
                     }},
      dimensions_field<Request>()};
  return parse<Request>(body, "OpenAICompatRequest", kFields);
}

Parsed<SimilarityRequest> parse_similarity(std::string_view body) {
  using Request = SimilarityRequest;
  using Sentences = SimilaritySentences;
  using Parameters = SimilarityParameters;
  static constexpr std::array kSentences{
      Field<Sentences>{
          "source_sentence", Presence::kRequired,
          [](JsonReader& reader, Sentences& s) { return reader.read_string(s.source); }},
      Field<Sentences>{"sentences", Presence::kRequired, [](JsonReader& reader, Sentences& s) {
                         return reader.read_strings(s.others);
                       }}};
  static constexpr std::array kParameters{truncate_field<Parameters>(Presence::kOptional),
                                          direction_field<Parameters>(),
                                          prompt_field<Parameters>()};
  static constexpr std::array kFields{
      Field<Request>{"inputs", Presence::kRequired,
                     [](JsonReader& reader, Request& r) {
                       return reader.read_struct<Sentences>("SimilarityInput", kSentences,
                                                            r.inputs);
                     }},
      Field<Request>{"parameters", Presence::kOptional, [](JsonReader& reader, Request& r) {
                       return reader.read_optional_struct<Parameters>("SimilarityParameters",
                                                                      kParameters, r.parameters);
                     }}};
  return parse<Request>(body, "SimilarityRequest", kFields);
}

Parsed<TokenizeRequest> parse_tokenize(std::string_view body) {
  using Request = TokenizeRequest;
  static constexpr std::array kFields{
      Field<Request>{"inputs", Presence::kRequired, read_tokenize_input},
      flag_field<Request, &Request::add_special_tokens>("add_special_tokens"),
      prompt_field<Request>()};
  return parse<Request>(body, "TokenizeRequest", kFields);
}

Parsed<DecodeRequest> parse_decode(std::string_view body) {
  using Request = DecodeRequest;
  static constexpr std::array kFields{
      Field<Request>{"ids", Presence::kRequired, read_input_ids},
      flag_field<Request, &Request::skip_special_tokens>("skip_special_tokens")};
  return parse<Request>(body, "DecodeRequest", kFields);
}

Parsed<PredictRequest> parse_predict(std::string_view body) {
  using Request = PredictRequest;
  static constexpr std::array kFields{
      Field<Request>{"inputs", Presence::kRequired, read_predict_input},
      truncate_field<Request>(Presence::kOptional), direction_field<Request>(),
      flag_field<Request, &Request::raw_scores>("raw_scores")};
  return parse<Request>(body, "PredictRequest", kFields);
}

Parsed<RerankRequest> parse_rerank(std::string_view body) {
  using Request = RerankRequest;
  static constexpr std::array kFields{
      Field<Request>{"query", Presence::kRequired,
                     [](JsonReader& reader, Request& r) { return reader.read_string(r.query); }},
      Field<Request>{"texts", Presence::kRequired,
                     [](JsonReader& reader, Request& r) { return reader.read_strings(r.texts); }},
      truncate_field<Request>(Presence::kDefault),
      direction_field<Request>(),
      flag_field<Request, &Request::raw_scores>("raw_scores"),
      flag_field<Request, &Request::return_text>("return_text")};
  return parse<Request>(body, "RerankRequest", kFields);
}

}  // namespace tenon::tei
