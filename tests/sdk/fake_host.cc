#include "tests/sdk/fake_host.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

namespace tenon::test {
namespace {

using namespace std::chrono_literals;

std::string text(tenon_str s) {
  return {s.data, static_cast<std::size_t>(s.size)};
}
tenon_str str(std::string_view s) {
  return {s.data(), s.size()};
}

std::vector<tenon_pair> borrow(const Pairs& pairs) {
  std::vector<tenon_pair> out;
  for (const auto& [name, value] : pairs) out.push_back({str(name), str(value)});
  return out;
}

tenon_error empty_error() {
  tenon_error error{};
  error.struct_size = sizeof error;
  return error;
}

FakeFailure failure(tenon_code code, const tenon_error& error) {
  return {code, std::string(error.message, std::min<std::size_t>(error.message_size, 496))};
}

// The parts of a model as the ABI wants them; borrows from the model.
struct Source {
  explicit Source(const FakeModel& model) : options(borrow(model.options)) {
    source.struct_size = sizeof source;
    source.path = str(model.path);
    source.name = str(model.name);
    source.options = options.data();
    source.n_options = static_cast<std::uint32_t>(options.size());
  }
  std::vector<tenon_pair> options;
  tenon_model_source source{};
};

bool is_lower_token(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::strchr("!#$%&'*+-.^_`|~", c);
  });
}

}  // namespace

std::string FakeAnswer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

struct FakeHost::Open {
  FakeAnswer answer;
  std::uint64_t credit = 0;
  std::uint64_t delivered = 0;  // of the request's body
  bool cancelled = false;
  std::uint32_t cancel_word = 0;
  std::atomic<int> responding{0};
};

FakeHost::FakeHost(const tenon_plugin_descriptor* descriptor, std::uint32_t host_table_size)
    : descriptor_(descriptor), table_(host_table_size, 0) {
  fill_table();
}

FakeHost::~FakeHost() {
  stop();
}

void FakeHost::fill_table() {
  tenon_host_api t{};
  t.struct_size = static_cast<std::uint32_t>(table_.size());
  t.abi_major = TENON_ABI_MAJOR;
  t.abi_minor = TENON_ABI_MINOR;
  t.host = reinterpret_cast<tenon_host*>(this);
  t.get_extension = [](tenon_host*, tenon_str) noexcept -> const void* { return nullptr; };
  t.log_enabled = [](tenon_host*, std::int32_t) noexcept { return 1; };
  t.log = [](tenon_host* h, std::int32_t level, tenon_str line, tenon_request_id) noexcept {
    const char* names[] = {"?", "debug", "info", "warn", "error"};
    std::lock_guard lock(of(h).mutex_);
    of(h).log_.push_back(std::string(names[std::clamp(level, 0, 4)]) + ": " + text(line));
  };
  t.metric_define = [](tenon_host* h, std::int32_t kind, tenon_str name, tenon_str, const double*,
                       std::uint32_t) noexcept -> tenon_metric {
    std::lock_guard lock(of(h).mutex_);
    if (!of(h).loading_) of(h).violation("metric_define outside of load");
    of(h).metrics_.push_back({text(name), kind});
    return static_cast<tenon_metric>(of(h).metrics_.size());
  };
  t.metric_record = [](tenon_host* h, tenon_metric id, double value) noexcept {
    std::lock_guard lock(of(h).mutex_);
    if (id == 0) return;
    if (id > of(h).metrics_.size()) return of(h).violation("metric_record of an unknown metric");
    Metric& metric = of(h).metrics_[id - 1];
    metric.value = metric.kind == TENON_METRIC_GAUGE ? value : metric.value + value;
  };
  t.env_get = [](tenon_host* h, tenon_str key, tenon_str* value) noexcept -> tenon_code {
    const auto found = of(h).env_.find(text(key));
    if (found == of(h).env_.end()) return TENON_NOT_FOUND;
    *value = str(found->second);
    return TENON_OK;
  };
  t.report_memory = [](tenon_host* h, std::uint32_t kind, std::int32_t,
                       std::uint64_t bytes) noexcept {
    std::lock_guard lock(of(h).mutex_);
    if (kind == TENON_MEMORY_HOST) of(h).memory_ = bytes;
  };
  t.load_progress = [](tenon_host* h, double done, tenon_str what) noexcept {
    std::lock_guard lock(of(h).mutex_);
    if (!(done >= 0 && done <= 1)) of(h).violation("load_progress outside of 0 … 1");
    of(h).progress_.push_back(text(what));
  };
  t.respond = [](tenon_host* h, tenon_request_id id, const tenon_response* r) noexcept {
    return of(h).on_respond(id, *r);
  };
  t.report_usage = [](tenon_host* h, tenon_request_id id, std::uint64_t in,
                      std::uint64_t out) noexcept -> tenon_code {
    std::lock_guard lock(of(h).mutex_);
    Open* open = of(h).find(id);
    if (!open || open->answer.final) return TENON_NOT_FOUND;
    open->answer.input_tokens += in;
    open->answer.output_tokens += out;
    return TENON_OK;
  };
  t.consume = [](tenon_host* h, tenon_request_id id, std::uint64_t bytes) noexcept -> tenon_code {
    std::lock_guard lock(of(h).mutex_);
    Open* open = of(h).find(id);
    if (!open || open->answer.final) return TENON_NOT_FOUND;
    open->answer.consumed += bytes;
    if (open->answer.consumed > open->delivered) of(h).violation("more consumed than delivered");
    of(h).changed_.notify_all();
    return TENON_OK;
  };
  t.fault = [](tenon_host* h, tenon_instance*, const tenon_error* error) noexcept {
    std::lock_guard lock(of(h).mutex_);
    of(h).fault_ = failure(error->code, *error).message;
  };
  std::memcpy(table_.data(), &t, std::min(table_.size(), sizeof t));
}

// ---- life ----

FakeFailure FakeHost::create() {
  const tenon_plugin_api* theirs = nullptr;
  tenon_error error = empty_error();
  const auto* table = reinterpret_cast<const tenon_host_api*>(table_.data());
  const tenon_code code = descriptor_->create(table, &theirs, &runtime_, &error);
  if (code != TENON_OK) return failure(code, error);
  std::memcpy(static_cast<void*>(&api_), theirs,
              std::min<std::size_t>(theirs->struct_size, sizeof api_));
  return {};
}

FakeFailure FakeHost::probe(const FakeModel& model, tenon_probe& out) {
  out = {};
  out.struct_size = sizeof out;
  tenon_error error = empty_error();
  const Source source(model);
  return failure(api_.probe(runtime_, &source.source, &out, &error), error);
}

FakeFailure FakeHost::estimate(const FakeModel& model, tenon_estimate& out) {
  out = {};
  out.struct_size = sizeof out;
  tenon_error error = empty_error();
  const Source source(model);
  return failure(api_.estimate(runtime_, &source.source, &out, &error), error);
}

FakeFailure FakeHost::prepare(const FakeModel& model) {
  tenon_error error = empty_error();
  const Source source(model);
  return failure(api_.prepare(runtime_, &source.source, &prepared_, &error), error);
}

FakeFailure FakeHost::load(unsigned threads, const std::uint32_t* cancel_word) {
  tenon_error error = empty_error();
  tenon_lease lease{};
  lease.struct_size = sizeof lease;
  lease.threads = threads;
  lease.flavor = str("cpu/x86");
  lease.device_stride = sizeof(tenon_device);
  const std::uint32_t never = 0;
  {
    std::lock_guard lock(mutex_);
    loading_ = true;
    ended_ = false;
  }
  const tenon_code code = api_.load(runtime_, prepared_, &lease, cancel_word ? cancel_word : &never,
                                    &instance_, &error);
  std::lock_guard lock(mutex_);
  loading_ = false;
  if (code == TENON_OK && !instance_) violation("load gave no instance");
  return failure(code, error);
}

FakeFailure FakeHost::start(const FakeModel& model, unsigned threads) {
  if (auto failed = create()) return failed;
  if (auto failed = prepare(model)) return failed;
  return load(threads);
}

tenon_code FakeHost::drain(std::uint64_t deadline_ns) {
  return api_.drain ? api_.drain(instance_, deadline_ns) : TENON_OK;
}

void FakeHost::unload() {
  if (!instance_) return;
  api_.unload(std::exchange(instance_, nullptr));
  std::lock_guard lock(mutex_);
  ended_ = true;
  for (const auto& [id, open] : requests_) {
    if (!open->answer.final) violation("unload left request " + std::to_string(id) + " open");
  }
}

void FakeHost::stop() {
  unload();
  if (prepared_) api_.release(runtime_, std::exchange(prepared_, nullptr));
  if (runtime_) api_.destroy(std::exchange(runtime_, nullptr));
}

// ---- requests ----

tenon_request_id FakeHost::submit(const FakeRequest& spec) {
  // Borrowed for the call alone: what the plugin keeps of it is gone afterwards.
  auto copy = std::make_unique<FakeRequest>(spec);
  const auto headers = borrow(copy->headers);
  const tenon_bytes body{reinterpret_cast<const std::uint8_t*>(copy->body.data()),
                         copy->body.size()};
  tenon_request request{};
  request.struct_size = sizeof request;
  request.flags = copy->body_complete ? TENON_REQUEST_BODY_COMPLETE : 0u;
  request.credit = copy->credit;
  request.deadline_ns = copy->deadline_ns;
  request.method = str(copy->method);
  request.path = str(copy->path);
  request.query = str(copy->query);
  request.request_id = str("test");
  request.headers = headers.data();
  request.n_headers = static_cast<std::uint32_t>(headers.size());
  request.body = copy->body.empty() ? nullptr : &body;
  request.n_body = copy->body.empty() ? 0 : 1;
  {
    std::lock_guard lock(mutex_);
    request.id = (std::uint64_t{7} << 32) | ++last_id_;
    auto open = std::make_unique<Open>();
    open->credit = copy->credit;
    open->delivered = copy->body.size();
    request.cancel_word = &open->cancel_word;
    requests_[request.id] = std::move(open);
  }
  const tenon_request* one = &request;
  std::uint32_t accepted = 0;
  const tenon_code code = api_.submit(instance_, &one, 1, &accepted);
  std::lock_guard lock(mutex_);
  if (accepted > 1) violation("submit accepted more than it was given");
  if (accepted == 1) return request.id;
  if (code == TENON_OK) violation("submit said OK and did not accept");
  requests_.erase(request.id);
  return 0;
}

void FakeHost::body(tenon_request_id id, std::string_view part, bool last) {
  auto copy = std::make_unique<std::string>(part);
  const tenon_bytes segment{reinterpret_cast<const std::uint8_t*>(copy->data()), copy->size()};
  {
    std::lock_guard lock(mutex_);
    if (Open* open = find(id)) open->delivered += part.size();
  }
  api_.body(instance_, id, &segment, 1, last ? TENON_BODY_LAST : 0u);
}

void FakeHost::credit(tenon_request_id id, std::uint64_t bytes) {
  {
    std::lock_guard lock(mutex_);
    if (Open* open = find(id)) open->credit += bytes;
  }
  if (api_.credit) api_.credit(instance_, id, bytes);
}

void FakeHost::set_cancel_word(tenon_request_id id) {
  std::lock_guard lock(mutex_);
  Open* open = find(id);
  if (!open) return;
  open->cancelled = true;
  __atomic_store_n(&open->cancel_word, 1u, __ATOMIC_RELAXED);
}

void FakeHost::cancel(tenon_request_id id) {
  set_cancel_word(id);
  if (api_.cancel) api_.cancel(instance_, id);
}

void FakeHost::refuse_with(tenon_code code) {
  std::lock_guard lock(mutex_);
  refusal_ = code;
}

FakeHost::Open* FakeHost::find(tenon_request_id id) {
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : found->second.get();
}

tenon_code FakeHost::on_respond(tenon_request_id id, const tenon_response& r) {
  std::unique_lock lock(mutex_);
  if (ended_) violation("respond after unload");
  Open* open = find(id);
  if (!open) {
    violation("respond to an unknown request");
    return TENON_NOT_FOUND;
  }
  if (open->answer.final) {
    violation("respond after the final message");
    return TENON_NOT_FOUND;
  }
  // Serial per request: a second thread in here at the same time breaks the rule.
  if (open->responding.fetch_add(1) != 0) violation("two threads answered one request at once");
  lock.unlock();
  lock.lock();
  open->responding.fetch_sub(1);

  const bool final = (r.flags & TENON_RESPONSE_FINAL) != 0;
  if (open->cancelled && !final) return TENON_CANCELLED;
  if (refusal_ != TENON_OK && !r.error) return refusal_;
  if (const tenon_code code = check(*open, r); code != TENON_OK) return code;
  FakeAnswer& answer = open->answer;
  if (r.status != 0) answer.status = r.status;
  for (std::uint32_t i = 0; i < r.n_headers; ++i) {
    answer.headers.emplace_back(text(r.headers[i].name), text(r.headers[i].value));
  }
  std::string part;
  for (std::uint32_t i = 0; i < r.n_body; ++i) {
    part.append(reinterpret_cast<const char*>(r.body[i].data), r.body[i].size);
  }
  open->credit -= part.size();
  answer.body += part;
  if (!part.empty()) answer.parts.push_back(std::move(part));
  if (r.error) answer.error = {r.error->code, failure(r.error->code, *r.error).message};
  answer.final = final;
  changed_.notify_all();
  return TENON_OK;
}

tenon_code FakeHost::check(const Open& open, const tenon_response& r) {
  const auto invalid = [&](const char* what) {
    violation(what);
    return TENON_INVALID;
  };
  if (r.struct_size < sizeof(tenon_response)) return invalid("a response's size is too small");
  if (r.error) {
    if (!(r.flags & TENON_RESPONSE_FINAL)) return invalid("an error that is not final");
    if (r.status != 0 || r.n_body != 0) return invalid("an error beside a status or a body");
    return TENON_OK;
  }
  const bool first = open.answer.status == 0;
  if (first && (r.status < 200 || r.status > 599)) return invalid("a status out of 200 … 599");
  if (!first && (r.status != 0 || r.n_headers != 0)) return invalid("a second head");
  for (std::uint32_t i = 0; i < r.n_headers; ++i) {
    const std::string name = text(r.headers[i].name);
    if (!is_lower_token(name)) return invalid("a header's name is no lower-case token");
    if (name == "connection" || name == "transfer-encoding" || name == "date") {
      return invalid("a header that is the host's own");
    }
    if (text(r.headers[i].value).find_first_of(std::string_view("\r\n\0", 3)) !=
        std::string::npos) {
      return invalid("a header's value spans lines");
    }
  }
  std::uint64_t size = 0;
  for (std::uint32_t i = 0; i < r.n_body; ++i) size += r.body[i].size;
  if (size > open.credit) {
    violation("a body beyond the credit");
    return TENON_WOULD_BLOCK;
  }
  return TENON_OK;
}

FakeAnswer FakeHost::wait_for(tenon_request_id id, std::optional<std::size_t> bytes) {
  std::unique_lock lock(mutex_);
  Open* open = find(id);
  if (!open) return {};
  changed_.wait_for(lock, 10s, [&] {
    return open->answer.final || (bytes && open->answer.body.size() >= *bytes);
  });
  return open->answer;
}

FakeAnswer FakeHost::wait(tenon_request_id id) {
  return wait_for(id, std::nullopt);
}
FakeAnswer FakeHost::wait_body(tenon_request_id id, std::size_t bytes) {
  return wait_for(id, bytes);
}
FakeAnswer FakeHost::answer(tenon_request_id id) {
  std::lock_guard lock(mutex_);
  Open* open = find(id);
  return open ? open->answer : FakeAnswer{};
}

// ---- what the plugin said ----

std::vector<std::string> FakeHost::violations() {
  std::lock_guard lock(mutex_);
  return violations_;
}
std::vector<std::string> FakeHost::log() {
  std::lock_guard lock(mutex_);
  return log_;
}
std::vector<std::string> FakeHost::progress() {
  std::lock_guard lock(mutex_);
  return progress_;
}
std::optional<std::string> FakeHost::fault() {
  std::lock_guard lock(mutex_);
  return fault_;
}
double FakeHost::metric(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(metrics_, name, &Metric::name);
  return found == metrics_.end() ? 0 : found->value;
}
std::uint64_t FakeHost::memory() {
  std::lock_guard lock(mutex_);
  return memory_;
}

}  // namespace tenon::test
