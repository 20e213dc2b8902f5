#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/sdk/host.hpp"

namespace tenon::tei {

using Seconds = std::chrono::duration<double>;

// What TEI counts, under its names. Safe for concurrent use. What the host can show as well goes
// there too.
class Metrics {
 public:
  enum class Failure : std::uint8_t {
    kBatchSize,
    kValidation,
    kModelType,
    kOverloaded,
    kTokenization,
    kInference,
    kDropped,
  };
  struct Durations {
    Seconds total{}, tokenization{}, queue{}, inference{};
  };

  // Only during load().
  Metrics(sdk::Host host, std::uint64_t max_input_tokens);

  void count_request(bool single);
  void count_success(bool single, const Durations& mean);
  void count_failure(Failure failure);
  void count_embed();
  void count_embed_success(const Durations& durations);
  void set_queue_size(std::size_t size);
  void observe_input_length(std::size_t tokens);
  void observe_batch(std::size_t size, std::size_t tokens);

  // The text of /metrics. A family appears once it was used.
  std::string render() const;

 private:
  struct Counter {
    std::string_view family;
    std::string_view label;  // method="single"
    std::uint64_t value = 0;
    bool used = false;
  };
  struct Histogram {
    std::string_view name;
    std::vector<double> bounds;
    std::vector<std::uint64_t> counts;  // one more than bounds; not cumulative
    double sum = 0;
    std::uint64_t count = 0;
  };
  enum HistogramId : std::size_t {
    kRequestDuration,
    kRequestTokenization,
    kRequestQueue,
    kRequestInference,
    kEmbedDuration,
    kEmbedTokenization,
    kEmbedQueue,
    kEmbedInference,
    kInputLength,
    kBatchSize,
    kBatchTokens,
    kHistograms,
  };
  enum CounterId : std::size_t {
    kRequestSingle,
    kRequestBatch,
    kSuccessSingle,
    kSuccessBatch,
    kFailures,  // seven
    kEmbed = kFailures + 7,
    kEmbedSuccess,
    kCounters,
  };

  void add(std::size_t counter);
  void observe(HistogramId id, double value);
  void observe(HistogramId first, const Durations& durations);

  mutable std::mutex mutex_;
  std::array<Counter, kCounters> counters_;
  std::array<Histogram, kHistograms> histograms_;
  std::size_t queue_size_ = 0;
  bool queue_used_ = false;

  sdk::Metric host_embeds_, host_dropped_, host_queue_, host_tokens_, host_queue_seconds_,
      host_inference_seconds_;
};

}  // namespace tenon::tei
