#include "plugins/tei/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "plugins/tei/text.h"
#include "runtimes/encoder/encoder.h"

namespace tenon::tei {

namespace {

using Kind = ApiError::Kind;
using Failure = Metrics::Failure;

void take_inputs(Job& job, Inputs&& inputs) {
  job.single = inputs.single;
  job.inputs.reserve(inputs.values.size());
  for (Input& input : inputs.values) job.inputs.emplace_back().input = std::move(input);
}

template <class T>
void take_options(Job& job, T& request, const BodyRules& rules) {
  job.truncate = request.truncate.value_or(rules.auto_truncate);
  job.direction = request.direction;
  job.prompt_name = std::move(request.prompt_name);
}

// ---- one function for each body ----

std::optional<Answer> read_embed(Parsed<EmbedRequest> parsed, const BodyRules& rules, Job& job) {
  if (!parsed) return answer_unreadable(parsed.error());
  take_inputs(job, std::move(parsed->inputs));
  take_options(job, *parsed, rules);
  job.normalize = parsed->normalize;
  job.dimensions = parsed->dimensions;
  return std::nullopt;
}

std::optional<Answer> read_openai(std::string_view body, const BodyRules& rules, Job& job) {
  auto parsed = parse_openai(body);
  if (!parsed) return answer_unreadable(parsed.error());
  take_inputs(job, std::move(parsed->input));
  job.truncate = rules.auto_truncate;
  job.dimensions = parsed->dimensions;
  job.format = parsed->format;
  job.outcome = Outcome::kOpenAi;
  return std::nullopt;
}

std::optional<Answer> read_similarity(std::string_view body, const BodyRules& rules,
                                      Metrics& metrics, Job& job) {
  auto parsed = parse_similarity(body);
  if (!parsed) return answer_unreadable(parsed.error());
  if (parsed->inputs.others.empty()) {
    metrics.count_failure(Failure::kValidation);
    return answer_error({Kind::kEmpty, "`inputs.sentences` cannot be empty"}, Dialect::kTei);
  }
  const std::size_t size = parsed->inputs.others.size() + 1;
  if (auto error = check_list(size, rules.max_client_batch_size, metrics)) {
    return answer_error(*error, Dialect::kTei);
  }
  job.inputs.reserve(size);
  job.inputs.emplace_back().input = std::move(parsed->inputs.source);
  for (std::string& text : parsed->inputs.others) {
    job.inputs.emplace_back().input = std::move(text);
  }
  SimilarityParameters parameters = std::move(parsed->parameters).value_or(SimilarityParameters());
  take_options(job, parameters, rules);
  job.normalize = false;
  job.outcome = Outcome::kSimilarities;
  return std::nullopt;
}

std::optional<Answer> read_predict(std::string_view body, Job& job) {
  auto parsed = parse_predict(body);
  if (!parsed) return answer_unreadable(parsed.error());
  job.single = parsed->single;
  job.inputs.resize(parsed->inputs.size());
  job.model_type = ApiError::backend("Model is not a classifier model");
  return std::nullopt;
}

Answer answer_rerank(std::string_view body, Metrics& metrics) {
  auto parsed = parse_rerank(body);
  if (!parsed) return answer_unreadable(parsed.error());
  if (parsed->texts.empty()) {
    metrics.count_failure(Failure::kValidation);
    return answer_error({Kind::kEmpty, "`texts` cannot be empty"}, Dialect::kTei);
  }
  metrics.count_failure(Failure::kModelType);
  return answer_error(ApiError::backend("model is not a re-ranker model"), Dialect::kTei);
}

std::optional<Answer> read_body(Route route, const BodyRules& rules, Metrics& metrics, Job& job) {
  const std::string_view body = job.request.body();
  switch (route) {
    case Route::kEmbed:
      return read_embed(parse_embed(body), rules, job);
    case Route::kEmbedAll:
      job.outcome = Outcome::kTokenEmbeddings;
      return read_embed(parse_embed_all(body), rules, job);
    case Route::kEmbedSparse:
      job.model_type = ApiError::backend("Model is not an embedding model with SPLADE pooling");
      return read_embed(parse_embed_sparse(body), rules, job);
    case Route::kOpenAi:
      return read_openai(body, rules, job);
    case Route::kSimilarity:
      return read_similarity(body, rules, metrics, job);
    case Route::kPredict:
      return read_predict(body, job);
    case Route::kRerank:
      return answer_rerank(body, metrics);
    default:
      return answer_not_found();
  }
}

// ---- answers ----

double mean_ms(const Job& job, Seconds Metrics::Durations::* part) {
  double sum = 0;
  for (const JobInput& input : job.inputs) sum += (input.durations.*part).count();
  return sum * 1000 / static_cast<double>(job.inputs.size());
}

std::string milliseconds(double ms) {
  return fmt::format("{}", static_cast<std::uint64_t>(ms));
}

void append_openai(std::string& out, const Job& job, std::string_view model, std::size_t tokens) {
  out += "{\"object\":\"list\",\"data\":[";
  for (std::size_t i = 0; i < job.inputs.size(); ++i) {
    out += i == 0 ? "" : ",";
    out += "{\"object\":\"embedding\",\"embedding\":";
    if (job.format == EmbeddingFormat::kFloat) {
      append_floats(out, job.inputs[i].embedding);
    } else {
      out += '"';
      append_base64(out, job.inputs[i].embedding);
      out += '"';
    }
    out += ",\"index\":";
    append_unsigned(out, i);
    out += '}';
  }
  out += "],\"model\":";
  append_string(out, model);
  out += fmt::format(",\"usage\":{{\"prompt_tokens\":{0},\"total_tokens\":{0}}}}}", tokens);
}

// One minus the cosine distance, as simsimd computes it.
float similarity(std::span<const float> a, std::span<const float> b) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  double distance = 1;
  if (aa == 0 && bb == 0) {
    distance = 0;
  } else if (ab != 0) {
    distance = std::max(0.0, 1 - ab / (std::sqrt(aa) * std::sqrt(bb)));
  }
  return 1.0f - static_cast<float>(distance);
}

std::string body_of(const Job& job, std::string_view model, std::uint32_t hidden,
                    std::size_t tokens) {
  std::size_t floats = 0;
  for (const JobInput& input : job.inputs) floats += input.embedding.size();
  std::string out;
  out.reserve(floats * 14 + 256);
  if (job.outcome == Outcome::kOpenAi) {
    append_openai(out, job, model, tokens);
    return out;
  }
  out += '[';
  if (job.outcome == Outcome::kSimilarities) {
    for (std::size_t i = 1; i < job.inputs.size(); ++i) {
      if (i > 1) out += ',';
      append_float(out, similarity(job.inputs[0].embedding, job.inputs[i].embedding));
    }
    out += ']';
    return out;
  }
  for (std::size_t i = 0; i < job.inputs.size(); ++i) {
    if (i > 0) out += ',';
    const std::span<const float> embedding = job.inputs[i].embedding;
    if (job.pooled()) {
      append_floats(out, embedding);
      continue;
    }
    out += '[';
    for (std::size_t at = 0; at < embedding.size(); at += hidden) {
      if (at > 0) out += ',';
      append_floats(out, embedding.subspan(at, hidden));
    }
    out += ']';
  }
  out += ']';
  return out;
}

}  // namespace

std::optional<ApiError> check_list(std::size_t size, std::uint64_t most, Metrics& metrics) {
  if (size == 0) {
    metrics.count_failure(Failure::kValidation);
    return ApiError{Kind::kEmpty, "`inputs` cannot be empty"};
  }
  if (size > most) {
    metrics.count_failure(Failure::kBatchSize);
    return ApiError{Kind::kValidation,
                    fmt::format("batch size {} > maximum allowed batch size {}", size, most)};
  }
  return std::nullopt;
}

std::optional<Answer> read_job(Route route, const BodyRules& rules, Metrics& metrics, Job& job) {
  if (auto answer = read_body(route, rules, metrics, job)) return answer;
  metrics.count_request(job.single);
  if (!job.single) {
    if (auto error = check_list(job.inputs.size(), rules.max_client_batch_size, metrics)) {
      return answer_error(*error, job.dialect());
    }
  }
  job.waiting = job.inputs.size();
  return std::nullopt;
}

std::optional<ApiError> zero_dimensions(const Job& job) {
  if (job.dimensions != 0u) return std::nullopt;
  return ApiError::validation("`dimensions` should be positive");
}

std::optional<ApiError> too_many_dimensions(const Job& job, std::uint32_t hidden) {
  if (job.dimensions.value_or(0) <= hidden) return std::nullopt;
  return ApiError::validation(
      "`dimensions` should be smaller than the maximum embedding dimension.");
}

void finish_embedding(const Job& job, std::vector<float>& embedding) {
  if (job.dimensions) embedding.resize(*job.dimensions);
  if (job.normalize) encoder::normalise(embedding);
}

Answer answer_job(const Job& job, std::string_view served_model_name, std::uint32_t hidden,
                  Metrics& metrics) {
  std::size_t tokens = 0;
  std::size_t characters = 0;
  for (const JobInput& input : job.inputs) {
    tokens += input.tokens;
    characters += input.characters;
  }
  Answer answer = answer_json(body_of(job, served_model_name, hidden, tokens));
  const Seconds total = Clock::now() - job.start;
  const double tokenization = mean_ms(job, &Metrics::Durations::tokenization);
  const double queue = mean_ms(job, &Metrics::Durations::queue);
  const double inference = mean_ms(job, &Metrics::Durations::inference);
  metrics.count_success(job.single, {total, Seconds(tokenization / 1000), Seconds(queue / 1000),
                                     Seconds(inference / 1000)});
  const std::string total_ms = milliseconds(total.count() * 1000);
  answer.headers = {{"x-compute-type", "gpu+optimized"},
                    {"x-compute-time", total_ms},
                    {"x-compute-characters", fmt::format("{}", characters)},
                    {"x-compute-tokens", fmt::format("{}", tokens)},
                    {"x-total-time", total_ms},
                    {"x-tokenization-time", milliseconds(tokenization)},
                    {"x-queue-time", milliseconds(queue)},
                    {"x-inference-time", milliseconds(inference)}};
  return answer;
}

}  // namespace tenon::tei
