#include "plugins/tei/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "plugins/tei/batch_plan.h"
#include "plugins/tei/text.h"

namespace tenon::tei {

namespace {

using Failure = Metrics::Failure;

// Enough rows for the kernels to run at full speed, few enough to keep a batch at some tens of
// milliseconds.
constexpr std::uint64_t kBatchTokens = 256;
// What may ride along with a sequence that is longer than that.
constexpr std::uint64_t kBatchSlack = 64;

constexpr std::string_view kVersion = "1.9.3";  // of the wire contract

}  // namespace

Service::Service(sdk::Host host, const Model& model, Settings settings)
    : host_(host),
      model_(model),
      settings_(std::move(settings)),
      metrics_(host, model.inputter.max_input_tokens()),
      session_(model.encoder, model.pool) {
  if (host.env("TASK") == "sentence-similarity") root_ = Route::kSimilarity;
  thread_ = std::thread([this] { run(); });
}

Service::~Service() {
  stop();
  thread_.join();
}

void Service::stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  changed_.notify_all();
  first_answer_.notify_all();
}

bool Service::wait_first_answer(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  first_answer_.wait_for(lock, most, [this] { return answered_ || stop_; });
  return !stop_;
}

// ---- requests ----

void Service::handle(sdk::Request request, sdk::Reply reply) {
  auto found = find_route(request.method(), request.path(), root_);
  if (auto* answer = std::get_if<Answer>(&found)) {
    return send(reply, request, std::move(*answer));
  }
  const Route route = std::get<Route>(found);
  switch (route) {
    case Route::kHealth:
      return send(reply, request, Answer());
    case Route::kInfo:
      return send(reply, request, info());
    case Route::kMetrics:
      return send(reply, request, {200, "text/plain; charset=utf-8", metrics_.render(), {}});
    default:
      break;
  }
  if (!announces_json(request.header("content-type").value_or(std::string_view()))) {
    return send(reply, request, answer_not_json());
  }
  if (request.body().size() > settings_.payload_limit) {
    return send(reply, request, answer_too_large());
  }
  const std::lock_guard lock(mutex_);
  arrivals_.push_back({std::move(request), std::move(reply), route, Clock::now()});
  changed_.notify_one();
}

void Service::refuse_large_body(const sdk::Request& request, sdk::Reply reply) {
  auto found = find_route(request.method(), request.path(), root_);
  if (auto* answer = std::get_if<Answer>(&found)) {
    return send(reply, request, std::move(*answer));
  }
  const bool json = announces_json(request.header("content-type").value_or(std::string_view()));
  send(reply, request, json ? answer_too_large() : answer_not_json());
}

void Service::send(sdk::Reply& reply, const sdk::Request& request, Answer answer) {
  std::vector<sdk::Header> headers;
  for (const auto& [name, value] : all_headers(answer)) headers.emplace_back(name, value);
  if (request.method() == "HEAD") answer.body.clear();
  reply.send(answer.status, headers, std::move(answer.body));
}

Answer Service::info() const {
  std::string out = "{\"model_id\":";
  append_string(out, model_.name);
  out += ",\"model_sha\":null,\"model_dtype\":\"float32\",\"served_model_name\":";
  append_string(out, settings_.served_model_name);
  out += fmt::format(
      ",\"model_type\":{{\"embedding\":{{\"pooling\":\"{}\"}}}},\"max_concurrent_requests\":{},"
      "\"max_input_length\":{},\"max_batch_tokens\":{},\"max_batch_requests\":null,"
      "\"max_client_batch_size\":{},\"auto_truncate\":{},\"tokenization_workers\":{},"
      "\"version\":\"{}\",\"sha\":null,\"docker_label\":null}}",
      encoder::name_of(model_.encoder.config().pooling), settings_.max_concurrent_requests,
      model_.inputter.max_input_tokens(), settings_.max_batch_tokens,
      settings_.max_client_batch_size, settings_.auto_truncate, model_.pool.threads(), kVersion);
  return answer_json(std::move(out));
}

Answer Service::tokenize_texts(const sdk::Request& request) const {
  auto parsed = parse_tokenize(request.body());
  if (!parsed) return answer_unreadable(parsed.error());
  if (!parsed->single) {
    auto error = check_list(parsed->inputs.size(), settings_.max_client_batch_size, metrics_);
    if (error) return answer_error(*error, Dialect::kTei);
  }
  std::string out = "[";
  for (std::string& text : parsed->inputs) {
    if (out.size() > 1) out += ',';
    auto done = model_.inputter.tokenize(std::move(text), parsed->add_special_tokens,
                                         parsed->prompt_name, out);
    if (!done) {
      metrics_.count_failure(Failure::kTokenization);
      return answer_error(done.error(), Dialect::kTei);
    }
  }
  return answer_json(out + ']');
}

Answer Service::decode_ids(const sdk::Request& request) const {
  auto parsed = parse_decode(request.body());
  if (!parsed) return answer_unreadable(parsed.error());
  if (!parsed->single) {
    auto error = check_list(parsed->ids.size(), settings_.max_client_batch_size, metrics_);
    if (error) return answer_error(*error, Dialect::kTei);
  }
  std::string out = "[";
  for (const auto& ids : parsed->ids) {
    if (out.size() > 1) out += ',';
    auto text = model_.inputter.decode(ids, parsed->skip_special_tokens);
    if (!text) {
      metrics_.count_failure(Failure::kTokenization);
      return answer_error(text.error(), Dialect::kTei);
    }
    append_string(out, *text);
  }
  return answer_json(out + ']');
}

// ---- the thread: arrivals ----

void Service::run() {
  for (;;) {
    std::vector<Arrival> arrivals;
    {
      std::unique_lock lock(mutex_);
      if (queue_.empty()) {
        changed_.wait(lock, [this] { return stop_ || !arrivals_.empty(); });
      }
      if (stop_) return;
      arrivals.swap(arrivals_);
    }
    try {
      if (!arrivals.empty()) admit(std::move(arrivals));
      if (!queue_.empty()) compute_batch();
    } catch (const std::exception& e) {  // out of memory; what was at hand answers by itself
      host_.error(fmt::format("a batch was given up: {}", e.what()));
    }
  }
}

void Service::admit(std::vector<Arrival> arrivals) {
  std::vector<JobPtr> jobs(arrivals.size());
  share(arrivals.size(), [&](std::size_t i) { jobs[i] = read(arrivals[i]); });
  std::erase_if(jobs, [this](const JobPtr& job) { return job == nullptr || !take_permits(*job); });

  struct Task {
    std::size_t job, input;
  };
  std::vector<Task> tasks;
  std::vector<std::vector<std::vector<std::uint32_t>>> ids(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    ids[i].resize(jobs[i]->inputs.size());
    for (std::size_t k = 0; k < ids[i].size(); ++k) tasks.push_back({i, k});
  }
  if (tasks.empty()) return;
  share(tasks.size(), [&](std::size_t t) {
    tokenize(*jobs[tasks[t].job], tasks[t].input, ids[tasks[t].job][tasks[t].input]);
  });
  for (std::size_t i = 0; i < jobs.size(); ++i) enqueue(jobs[i], std::move(ids[i]));
}

// Null: answered already.
Service::JobPtr Service::read(Arrival& arrival) try {
  if (arrival.request.cancelled()) {
    metrics_.count_failure(Failure::kDropped);
    arrival.reply.fail(sdk::fail(TENON_CANCELLED, "the client is gone"));
    return nullptr;
  }
  if (arrival.route == Route::kTokenize || arrival.route == Route::kDecode) {
    send(arrival.reply, arrival.request,
         arrival.route == Route::kTokenize ? tokenize_texts(arrival.request)
                                           : decode_ids(arrival.request));
    return nullptr;
  }
  auto job =
      std::make_shared<Job>(std::move(arrival.request), std::move(arrival.reply), arrival.start);
  auto answer = read_job(arrival.route, {settings_.max_client_batch_size, settings_.auto_truncate},
                         metrics_, *job);
  if (!answer) return job;
  send(job->reply, job->request, std::move(*answer));
  return nullptr;
} catch (const std::exception& e) {  // the pool's tasks must not throw
  host_.error(fmt::format("a request was given up: {}", e.what()));
  return nullptr;
}

// False: answered already.
bool Service::take_permits(Job& job) {
  const std::uint64_t n = job.inputs.size();
  if (!job.permits.take(permits_taken_, n, settings_.max_concurrent_requests)) {
    metrics_.count_failure(Failure::kOverloaded);
    send(job.reply, job.request, answer_error(ApiError::overloaded(), job.dialect()));
    return false;
  }
  if (job.model_type) {
    metrics_.count_failure(Failure::kModelType);
    send(job.reply, job.request, answer_error(*job.model_type, job.dialect()));
    return false;
  }
  return true;
}

void Service::tokenize(Job& job, std::size_t index, std::vector<std::uint32_t>& ids) try {
  JobInput& input = job.inputs[index];
  input.error = zero_dimensions(job);
  if (input.error) return metrics_.count_failure(Failure::kValidation);
  metrics_.count_embed();
  input.characters = count_characters(input.input);
  auto encoded =
      model_.inputter.encode(input.input, {job.truncate, job.direction, &job.prompt_name});
  if (!encoded) {
    input.error = std::move(encoded.error());
    return metrics_.count_failure(Failure::kTokenization);
  }
  ids = std::move(*encoded);
  input.tokens = static_cast<std::uint32_t>(ids.size());
  input.durations.tokenization = Clock::now() - job.start;
  metrics_.observe_input_length(ids.size());
  if (ids.empty()) {
    input.error = ApiError::backend("the input has no tokens");
    return metrics_.count_failure(Failure::kInference);
  }
  input.error = too_many_dimensions(job, model_.encoder.config().hidden);
  if (input.error) metrics_.count_failure(Failure::kValidation);
} catch (const std::exception& e) {
  job.inputs[index].error = ApiError::tokenizer(e.what());
}

void Service::enqueue(const JobPtr& job, std::vector<std::vector<std::uint32_t>> ids) {
  for (const JobInput& input : job->inputs) {
    if (input.error) return fail(*job, *input.error);
  }
  const auto now = Clock::now();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    queue_.push_back({job, i, std::move(ids[i]), now});
  }
}

// ---- the thread: batches ----

void Service::drop_cancelled() {
  std::erase_if(queue_, [this](Waiting& entry) {
    Job& job = *entry.job;
    if (!job.over && job.request.cancelled()) {
      for (std::size_t i = 0; i < job.waiting; ++i) metrics_.count_failure(Failure::kDropped);
      job.over = true;
      job.reply.fail(sdk::fail(TENON_CANCELLED, "the client is gone"));
    }
    return job.over;
  });
}

std::vector<Service::Waiting> Service::next_batch() {
  std::vector<std::uint32_t> lengths;
  lengths.reserve(queue_.size());
  for (const Waiting& entry : queue_) {
    lengths.push_back(static_cast<std::uint32_t>(entry.ids.size()));
  }
  const std::uint64_t budget = std::min(kBatchTokens, settings_.max_batch_tokens);
  std::vector<Waiting> batch;
  for (const std::size_t i : plan_batch(lengths, budget, kBatchSlack)) {
    batch.push_back(std::move(queue_[i]));
  }
  std::erase_if(queue_, [](const Waiting& entry) { return entry.job == nullptr; });
  return batch;
}

void Service::compute_batch() {
  drop_cancelled();
  if (queue_.empty()) return metrics_.set_queue_size(0);
  std::vector<Waiting> batch = next_batch();
  metrics_.set_queue_size(queue_.size());

  batch_ids_.clear();
  batch_ends_.clear();
  for (const Waiting& entry : batch) {
    batch_ids_.insert(batch_ids_.end(), entry.ids.begin(), entry.ids.end());
    batch_ends_.push_back(static_cast<std::uint32_t>(batch_ids_.size()));
  }
  metrics_.observe_batch(batch.size(), batch_ids_.size());
  const auto start = Clock::now();
  const auto done = session_.encode(
      {batch_ids_, {}, batch_ends_},
      [&](std::size_t i, std::span<const float> rows) { embedded(batch[i], rows); });
  const Seconds inference = Clock::now() - start;

  std::vector<Job*> finished;
  for (Waiting& entry : batch) {
    Job& job = *entry.job;
    JobInput& input = job.inputs[entry.input];
    if (job.over) continue;
    if (!done) {
      metrics_.count_failure(Failure::kInference);
      fail(job, ApiError::backend(done.error().message));
      continue;
    }
    input.durations.queue = start - entry.since;
    input.durations.inference = inference;
    input.durations.total = Clock::now() - job.start;
    metrics_.count_embed_success(input.durations);
    if (--job.waiting == 0) finished.push_back(&job);
  }
  if (finished.empty()) return;
  share(finished.size(), [&](std::size_t i) { finish(*finished[i]); });
  const std::lock_guard lock(mutex_);
  if (!answered_) first_answer_.notify_all();
  answered_ = true;
}

void Service::embedded(Waiting& entry, std::span<const float> rows) {
  Job& job = *entry.job;
  std::vector<float>& embedding = job.inputs[entry.input].embedding;
  if (!job.pooled()) {
    embedding.assign(rows.begin(), rows.end());
    return;
  }
  const encoder::EncoderConfig& config = model_.encoder.config();
  embedding.resize(config.hidden);
  encoder::pool_rows(config.pooling, rows, embedding);
  finish_embedding(job, embedding);
}

void Service::finish(Job& job) try {
  job.over = true;
  std::uint64_t tokens = 0;
  for (const JobInput& input : job.inputs) tokens += input.tokens;
  job.reply.usage(tokens, 0);
  send(job.reply, job.request,
       answer_job(job, settings_.served_model_name, model_.encoder.config().hidden, metrics_));
} catch (const std::exception& e) {
  host_.error(fmt::format("an answer was given up: {}", e.what()));
}

void Service::fail(Job& job, const ApiError& error) {
  job.over = true;
  send(job.reply, job.request, answer_error(error, job.dialect()));
}

}  // namespace tenon::tei
