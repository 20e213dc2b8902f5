#include "plugins/tei/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "plugins/tei/text.h"

namespace tenon::tei {

namespace {

std::vector<double> duration_bounds() {
  std::vector<double> bounds;
  double bound = 0.00001;
  for (int i = 0; i < 35; ++i) bounds.push_back(bound *= 1.5);
  return bounds;
}

std::vector<double> powers_of_two(int n, double most) {
  std::vector<double> bounds;
  for (int i = 0; i < n && std::ldexp(1, i) <= most; ++i) bounds.push_back(std::ldexp(1, i));
  return bounds;
}

// As Rust prints it: shortest digits, never an exponent.
void append_number(std::string& out, double value) {
  std::array<char, 400> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed)
          .ptr;
  out.append(buffer.data(), end);
}

void append_type(std::string& out, std::string_view name, std::string_view type) {
  out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

}  // namespace

Metrics::Metrics(sdk::Host host, std::uint64_t max_input_tokens)
    : counters_{{{"te_request_count", "method=\"single\""},
                 {"te_request_count", "method=\"batch\""},
                 {"te_request_success", "method=\"single\""},
                 {"te_request_success", "method=\"batch\""},
                 {"te_request_failure", "err=\"batch_size\""},
                 {"te_request_failure", "err=\"validation\""},
                 {"te_request_failure", "err=\"model_type\""},
                 {"te_request_failure", "err=\"overloaded\""},
                 {"te_request_failure", "err=\"tokenization\""},
                 {"te_request_failure", "err=\"inference\""},
                 {"te_request_failure", "err=\"dropped\""},
                 {"te_embed_count", ""},
                 {"te_embed_success", ""}}} {
  static constexpr std::array<std::string_view, kHistograms> kNames{
      "te_request_duration",       "te_request_tokenization_duration",
      "te_request_queue_duration", "te_request_inference_duration",
      "te_embed_duration",         "te_embed_tokenization_duration",
      "te_embed_queue_duration",   "te_embed_inference_duration",
      "te_request_input_length",   "te_batch_next_size",
      "te_batch_next_tokens"};
  for (std::size_t i = 0; i < kHistograms; ++i) {
    Histogram& histogram = histograms_[i];
    histogram.name = kNames[i];
    histogram.bounds = i == kInputLength ? powers_of_two(20, static_cast<double>(max_input_tokens))
                       : i == kBatchSize ? powers_of_two(13, INFINITY)
                       : i == kBatchTokens ? powers_of_two(21, INFINITY)
                                           : duration_bounds();
    histogram.counts.resize(histogram.bounds.size() + 1);
  }
  host_embeds_ = host.counter("te_embed_success", "Inputs that were embedded");
  host_dropped_ = host.counter("te_request_dropped", "Inputs whose client left before the batch");
  host_queue_ = host.gauge("te_queue_size", "Inputs that wait for a batch");
  host_tokens_ =
      host.histogram("te_batch_next_tokens", "Tokens of a batch", histograms_[kBatchTokens].bounds);
  host_queue_seconds_ =
      host.histogram("te_embed_queue_duration_seconds",
                     "Time from the tokenized input to its batch", histograms_[kEmbedQueue].bounds);
  host_inference_seconds_ =
      host.histogram("te_embed_inference_duration_seconds",
                     "Time of the batch that an input was in", histograms_[kEmbedInference].bounds);
}

void Metrics::add(std::size_t counter) {
  ++counters_[counter].value;
  counters_[counter].used = true;
}

void Metrics::observe(HistogramId id, double value) {
  Histogram& histogram = histograms_[id];
  const auto bucket = std::ranges::lower_bound(histogram.bounds, value) - histogram.bounds.begin();
  ++histogram.counts[static_cast<std::size_t>(bucket)];
  histogram.sum += value;
  ++histogram.count;
}

void Metrics::observe(HistogramId first, const Durations& durations) {
  const std::array values{durations.total, durations.tokenization, durations.queue,
                          durations.inference};
  for (std::size_t i = 0; i < values.size(); ++i) {
    observe(static_cast<HistogramId>(first + i), values[i].count());
  }
}

void Metrics::count_request(bool single) {
  const std::lock_guard lock(mutex_);
  add(single ? kRequestSingle : kRequestBatch);
}

void Metrics::count_success(bool single, const Durations& mean) {
  const std::lock_guard lock(mutex_);
  add(single ? kSuccessSingle : kSuccessBatch);
  observe(kRequestDuration, mean);
}

void Metrics::count_failure(Failure failure) {
  if (failure == Failure::kDropped) host_dropped_.record(1);
  const std::lock_guard lock(mutex_);
  add(kFailures + static_cast<std::size_t>(failure));
}

void Metrics::count_embed() {
  const std::lock_guard lock(mutex_);
  add(kEmbed);
}

void Metrics::count_embed_success(const Durations& durations) {
  host_embeds_.record(1);
  host_queue_seconds_.record(durations.queue.count());
  host_inference_seconds_.record(durations.inference.count());
  const std::lock_guard lock(mutex_);
  add(kEmbedSuccess);
  observe(kEmbedDuration, durations);
}

void Metrics::set_queue_size(std::size_t size) {
  host_queue_.record(static_cast<double>(size));
  const std::lock_guard lock(mutex_);
  queue_size_ = size;
  queue_used_ = true;
}

void Metrics::observe_input_length(std::size_t tokens) {
  const std::lock_guard lock(mutex_);
  observe(kInputLength, static_cast<double>(tokens));
}

void Metrics::observe_batch(std::size_t size, std::size_t tokens) {
  host_tokens_.record(static_cast<double>(tokens));
  const std::lock_guard lock(mutex_);
  observe(kBatchSize, static_cast<double>(size));
  observe(kBatchTokens, static_cast<double>(tokens));
}

std::string Metrics::render() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  std::string_view family;
  for (const Counter& counter : counters_) {
    if (!counter.used) continue;
    if (counter.family != family) {
      if (!family.empty()) out += '\n';
      append_type(out, counter.family, "counter");
      family = counter.family;
    }
    out.append(counter.family);
    if (!counter.label.empty()) out.append("{").append(counter.label).append("}");
    out += ' ';
    append_unsigned(out, counter.value);
    out += '\n';
  }
  if (!family.empty()) out += '\n';
  if (queue_used_) {
    append_type(out, "te_queue_size", "gauge");
    out += "te_queue_size ";
    append_unsigned(out, queue_size_);
    out += "\n\n";
  }
  for (const Histogram& histogram : histograms_) {
    if (histogram.count == 0) continue;
    append_type(out, histogram.name, "histogram");
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
      total += histogram.counts[i];
      out.append(histogram.name).append("_bucket{le=\"");
      if (i < histogram.bounds.size()) {
        append_number(out, histogram.bounds[i]);
      } else {
        out += "+Inf";
      }
      out += "\"} ";
      append_unsigned(out, total);
      out += '\n';
    }
    out.append(histogram.name).append("_sum ");
    append_number(out, histogram.sum);
    out.append("\n").append(histogram.name).append("_count ");
    append_unsigned(out, histogram.count);
    out += "\n\n";
  }
  return out;
}

}  // namespace tenon::tei
