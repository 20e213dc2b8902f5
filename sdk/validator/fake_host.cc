#include "sdk/validator/fake_host.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

namespace tenon::validator {
namespace {

using namespace std::chrono_literals;

std::string text(tenon_str s) {
  return {s.data, static_cast<std::size_t>(s.size)};
}
tenon_str str(std::string_view s) {
  return {s.data(), s.size()};
}

std::vector<tenon_pair> borrow(LentMemory& memory, const Pairs& pairs) {
  std::vector<tenon_pair> out;
  for (const auto& [name, value] : pairs) out.push_back({memory.text(name), memory.text(value)});
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

// A model as the ABI wants it, for one call.
struct Source {
  explicit Source(const FakeModel& model) {
    source.struct_size = sizeof source;
    source.path = memory.text(model.path);
    source.name = memory.text(model.name);
    const auto options = borrow(memory, model.options);
    source.options = memory.array<tenon_pair>(options);
    source.n_options = static_cast<std::uint32_t>(options.size());
  }
  LentMemory memory;
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

FakeHost::Call::Call(tenon_host* h, const char* function)
    : host(reinterpret_cast<FakeHost*>(h)), lock(host->mutex_) {
  if (host->destroyed_) host->violation(std::string(function) + " after destroy");
}

// A byte that makes no valid pointer fills what this header does not know.
FakeHost::FakeHost(const tenon_plugin_descriptor* descriptor, std::uint32_t host_table_size)
    : descriptor_(descriptor), table_(host_table_size, 0xa5) {
  fill_table();
}

FakeHost::~FakeHost() {
  stop();
}

void FakeHost::fill_table() {
  tenon_host_api t{};
  t.struct_size = static_cast<std::uint32_t>(table_.size());
  t.abi_major = TENON_ABI_MAJOR;
  t.abi_minor = TENON_ABI_MINOR + (table_.size() > sizeof t ? 1 : 0);
  t.host = reinterpret_cast<tenon_host*>(this);
  t.get_extension = [](tenon_host*, tenon_str) noexcept -> const void* { return nullptr; };
  t.log_enabled = [](tenon_host*, std::int32_t) noexcept { return 1; };
  t.log = [](tenon_host* h, std::int32_t level, tenon_str line, tenon_request_id) noexcept {
    const char* names[] = {"?", "debug", "info", "warn", "error"};
    const Call host(h, "log");
    host->log_.push_back(std::string(names[std::clamp(level, 0, 4)]) + ": " + text(line));
  };
  t.metric_define = [](tenon_host* h, std::int32_t kind, tenon_str name, tenon_str, const double*,
                       std::uint32_t) noexcept -> tenon_metric {
    const Call host(h, "metric_define");
    if (!host->loading_) host->violation("metric_define outside of load");
    host->metrics_.push_back({text(name), kind});
    return static_cast<tenon_metric>(host->metrics_.size());
  };
  t.metric_record = [](tenon_host* h, tenon_metric id, double value) noexcept {
    const Call host(h, "metric_record");
    if (id == 0) return;
    if (id > host->metrics_.size()) return host->violation("metric_record of an unknown metric");
    Metric& metric = host->metrics_[id - 1];
    metric.value = metric.kind == TENON_METRIC_GAUGE ? value : metric.value + value;
  };
  t.env_get = [](tenon_host* h, tenon_str key, tenon_str* value) noexcept -> tenon_code {
    const Call host(h, "env_get");
    const auto found = host->env_.find(text(key));
    if (found == host->env_.end()) return TENON_NOT_FOUND;
    *value = str(found->second);
    return TENON_OK;
  };
  t.report_memory = [](tenon_host* h, std::uint32_t kind, std::int32_t,
                       std::uint64_t bytes) noexcept {
    const Call host(h, "report_memory");
    if (kind == TENON_MEMORY_HOST) host->memory_ = bytes;
  };
  t.load_progress = [](tenon_host* h, double done, tenon_str what) noexcept {
    const Call host(h, "load_progress");
    if (!(done >= 0 && done <= 1)) host->violation("load_progress outside of 0 … 1");
    host->progress_.push_back(text(what));
  };
  t.respond = [](tenon_host* h, tenon_request_id id, const tenon_response* r) noexcept {
    Call host(h, "respond");
    return host->on_respond(host, id, *r);
  };
  t.report_usage = [](tenon_host* h, tenon_request_id id, std::uint64_t in,
                      std::uint64_t out) noexcept -> tenon_code {
    const Call host(h, "report_usage");
    Open* open = host->find(id);
    if (!open || open->answer.final) return TENON_NOT_FOUND;
    open->answer.input_tokens += in;
    open->answer.output_tokens += out;
    return TENON_OK;
  };
  t.consume = [](tenon_host* h, tenon_request_id id, std::uint64_t bytes) noexcept -> tenon_code {
    const Call host(h, "consume");
    Open* open = host->find(id);
    if (!open || open->answer.final) return TENON_NOT_FOUND;
    open->answer.consumed += bytes;
    if (open->answer.consumed > open->delivered) host->violation("more consumed than delivered");
    host->changed_.notify_all();
    return TENON_OK;
  };
  t.fault = [](tenon_host* h, tenon_instance*, const tenon_error* error) noexcept {
    const Call host(h, "fault");
    host->fault_ = failure(error->code, *error).message;
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
  const auto left = std::ranges::count_if(
      requests_, [](const auto& request) { return !request.second->answer.final; });
  if (left > 0) violation("unload left " + std::to_string(left) + " requests open");
}

// A table may lack functions: that is for others to tell.
void FakeHost::stop() {
  unload();
  if (prepared_ && api_.release) api_.release(runtime_, std::exchange(prepared_, nullptr));
  if (!runtime_ || !api_.destroy) return;
  api_.destroy(std::exchange(runtime_, nullptr));
  std::lock_guard lock(mutex_);
  destroyed_ = true;
}

// ---- requests ----

tenon_request_id FakeHost::submit(const FakeRequest& request) {
  return submit_batch(std::span(&request, 1)).front();
}

// Fills in a request that borrows from `memory`, and opens it.
void FakeHost::add_request(LentMemory& memory, const FakeRequest& from, tenon_request& to) {
  const auto headers = borrow(memory, from.headers);
  const tenon_bytes body = memory.bytes(from.body);
  to.struct_size = sizeof to;
  to.flags = from.body_complete ? TENON_REQUEST_BODY_COMPLETE : 0u;
  to.credit = from.credit;
  to.deadline_ns = from.deadline_ns;
  to.method = memory.text(from.method);
  to.path = memory.text(from.path);
  to.query = memory.text(from.query);
  to.request_id = memory.text("test");
  to.headers = memory.array<tenon_pair>(headers);
  to.n_headers = static_cast<std::uint32_t>(headers.size());
  to.body = body.size == 0 ? nullptr : memory.array<tenon_bytes>(std::span(&body, 1));
  to.n_body = body.size == 0 ? 0 : 1;

  auto open = std::make_unique<Open>();
  open->credit = from.credit;
  open->delivered = from.body.size();
  open->cancelled = from.cancelled;
  open->cancel_word = from.cancelled ? 1 : 0;
  to.cancel_word = &open->cancel_word;
  std::lock_guard lock(mutex_);
  to.id = (std::uint64_t{7} << 32) | ++last_id_;
  requests_[to.id] = std::move(open);
}

std::vector<tenon_request_id> FakeHost::submit_batch(std::span<const FakeRequest> wanted) {
  LentMemory memory;
  std::vector<tenon_request> requests(wanted.size());
  std::vector<const tenon_request*> batch;
  std::vector<tenon_request_id> ids;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    add_request(memory, wanted[i], requests[i]);
    batch.push_back(memory.array<tenon_request>(std::span(&requests[i], 1)));
    ids.push_back(requests[i].id);
  }
  const auto n = static_cast<std::uint32_t>(batch.size());
  std::uint32_t accepted = 0;
  const tenon_code code = api_.submit(instance_, batch.data(), n, &accepted);
  std::lock_guard lock(mutex_);
  if (accepted > n) violation("submit accepted more than it was given");
  if (accepted < n && code == TENON_OK) violation("submit said OK and did not accept all");
  for (std::size_t i = accepted; i < ids.size(); ++i) requests_.erase(std::exchange(ids[i], 0));
  return ids;
}

void FakeHost::body(tenon_request_id id, std::string_view part, bool last) {
  LentMemory memory;
  const tenon_bytes segment = memory.bytes(part);
  {
    std::lock_guard lock(mutex_);
    if (Open* open = find(id)) open->delivered += part.size();
  }
  api_.body(instance_, id, memory.array<tenon_bytes>(std::span(&segment, 1)), 1,
            last ? TENON_BODY_LAST : 0u);
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

void FakeHost::forget_open() {
  std::lock_guard lock(mutex_);
  for (auto& [id, open] : requests_) open->answer.final = true;
}

FakeHost::Open* FakeHost::find(tenon_request_id id) {
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : found->second.get();
}

tenon_code FakeHost::on_respond(Call& call, tenon_request_id id, const tenon_response& r) {
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
  call.lock.unlock();
  call.lock.lock();
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
  changed_.wait_for(lock, patience_, [&] {
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

}  // namespace tenon::validator
