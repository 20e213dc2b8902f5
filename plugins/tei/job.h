#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "plugins/tei/answer.h"
#include "plugins/tei/inputs.h"
#include "plugins/tei/metrics.h"
#include "plugins/tei/requests.h"
#include "plugins/tei/routes.h"
#include "tenon/sdk/request.hpp"

namespace tenon::tei {

using Clock = std::chrono::steady_clock;

// What a job makes of its embeddings.
enum class Outcome : std::uint8_t { kEmbeddings, kTokenEmbeddings, kOpenAi, kSimilarities };

// One input of a job, and what became of it.
struct JobInput {
  Input input;
  std::size_t characters = 0;
  std::uint32_t tokens = 0;
  std::optional<ApiError> error;
  std::vector<float> embedding;  // or those of all tokens, one after the other
  Metrics::Durations durations;
};

// Shares of the inputs that may be under way at once; given back when its owner goes.
class Permits {
 public:
  Permits() = default;
  Permits(const Permits&) = delete;
  Permits& operator=(const Permits&) = delete;
  ~Permits() {
    if (taken_ != nullptr) *taken_ -= n_;
  }
  // False: too many are out. taken must outlive this; one thread at a time.
  bool take(std::uint64_t& taken, std::uint64_t n, std::uint64_t most) {
    if (taken + n > most) return false;
    taken += n;
    taken_ = &taken;
    n_ = n;
    return true;
  }

 private:
  std::uint64_t* taken_ = nullptr;
  std::uint64_t n_ = 0;
};

// A request for embeddings from its parsed body to its answer. One thread at a time.
struct Job {
  Job(sdk::Request from, sdk::Reply to, Clock::time_point since)
      : request(std::move(from)), reply(std::move(to)), start(since) {}

  sdk::Request request;
  sdk::Reply reply;
  Clock::time_point start;
  Outcome outcome = Outcome::kEmbeddings;
  bool single = false;
  bool truncate = true;
  Truncation direction = Truncation::kRight;
  bool normalize = true;
  EmbeddingFormat format = EmbeddingFormat::kFloat;
  std::optional<std::string> prompt_name;
  std::optional<std::uint64_t> dimensions;
  std::vector<JobInput> inputs;
  Permits permits;
  std::size_t waiting = 0;             // inputs that are not embedded yet
  std::optional<ApiError> model_type;  // set: what the model cannot do, said once admitted
  bool over = false;                   // answered or given up

  bool pooled() const { return outcome != Outcome::kTokenEmbeddings; }
  Dialect dialect() const { return outcome == Outcome::kOpenAi ? Dialect::kOpenAi : Dialect::kTei; }
};

// The rules that reading a body needs.
struct BodyRules {
  std::uint64_t max_client_batch_size = 32;
  bool auto_truncate = true;
};

// Fills job from its request's body; an answer means that it is done already. Counts the request.
std::optional<Answer> read_job(Route route, const BodyRules& rules, Metrics& metrics, Job& job);

// What the embeddings become: cut to the wanted dimensions, then scaled. hidden: floats of one.
void finish_embedding(const Job& job, std::vector<float>& embedding);

// The error of an input that asks for more or fewer dimensions than a model can give.
std::optional<ApiError> zero_dimensions(const Job& job);
std::optional<ApiError> too_many_dimensions(const Job& job, std::uint32_t hidden);

// The answer of a job whose inputs are all embedded.
Answer answer_job(const Job& job, std::string_view served_model_name, std::uint32_t hidden,
                  Metrics& metrics);

// The answer of a batch-size or other list check; none if the list is right.
std::optional<ApiError> check_list(std::size_t size, std::uint64_t most, Metrics& metrics);

}  // namespace tenon::tei
