#include "tests/plugins/tei/test_host.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace tenon::tei {

namespace {

std::string text(tenon_str s) {
  return {s.data, s.size};
}
tenon_str str(const std::string& s) {
  return {s.data(), s.size()};
}

tenon_error empty_error() {
  tenon_error error{};
  error.struct_size = sizeof error;
  return error;
}

std::string outcome(tenon_code code, const tenon_error& error) {
  if (code == TENON_OK) return {};
  return std::string(error.message, error.message_size);
}

// The calling thread's read position does not matter: fd is a fresh one.
std::string read_all(int fd) {
  struct stat status{};
  ::fstat(fd, &status);
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  if (::pread(fd, content.data(), content.size(), 0) != status.st_size) content.clear();
  return content;
}

struct Source {
  Source(const std::string& folder, const Options& options) : path(folder), kept(options) {
    for (const auto& [name, value] : kept) pairs.push_back({str(name), str(value)});
    source.struct_size = sizeof source;
    source.n_options = static_cast<std::uint32_t>(pairs.size());
    source.path = str(path);
    source.name = str(model);
    source.options = pairs.data();
  }
  std::string path;
  std::string model = "minilm";
  Options kept;
  std::vector<tenon_pair> pairs;
  tenon_model_source source{};
};

}  // namespace

std::string TestAnswer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

struct TestHost::Table {
  static TestHost& of(tenon_host* host) { return *reinterpret_cast<TestHost*>(host); }

  static const void* get_extension(tenon_host* host, tenon_str name) noexcept {
    return text(name) == TENON_EXT_CACHE ? &of(host).cache_ : nullptr;
  }
  static int32_t log_enabled(tenon_host*, int32_t level) noexcept {
    return level >= TENON_LOG_WARN || std::getenv("TEST_HOST_LOG") != nullptr ? 1 : 0;
  }
  static void log(tenon_host*, int32_t level, tenon_str line, tenon_request_id) noexcept {
    if (log_enabled(nullptr, level)) std::fprintf(stderr, "plugin: %s\n", text(line).c_str());
  }
  static tenon_metric metric_define(tenon_host*, int32_t, tenon_str, tenon_str, const double*,
                                    uint32_t) noexcept {
    return 1;
  }
  static void metric_record(tenon_host*, tenon_metric, double) noexcept {}
  static tenon_code env_get(tenon_host* host, tenon_str key, tenon_str* value) noexcept {
    const auto found = of(host).env.find(text(key));
    if (found == of(host).env.end()) return TENON_NOT_FOUND;
    *value = str(found->second);
    return TENON_OK;
  }
  static void report_memory(tenon_host*, uint32_t, int32_t, uint64_t) noexcept {}
  static void load_progress(tenon_host*, double, tenon_str) noexcept {}

  static tenon_code respond(tenon_host* host, tenon_request_id id,
                            const tenon_response* response) noexcept {
    TestHost& self = of(host);
    const std::lock_guard lock(self.mutex_);
    const auto found = self.open_.find(id);
    if (found == self.open_.end() || found->second->done) return TENON_NOT_FOUND;
    TestAnswer& answer = found->second->answer;
    if (response->status != 0) answer.status = response->status;
    for (uint32_t i = 0; i < response->n_headers; ++i) {
      answer.headers.emplace(text(response->headers[i].name), text(response->headers[i].value));
    }
    for (uint32_t i = 0; i < response->n_body; ++i) {
      answer.body.append(reinterpret_cast<const char*>(response->body[i].data),
                         response->body[i].size);
    }
    if (response->error != nullptr) {
      answer.error = response->error->code;
      answer.message.assign(response->error->message, response->error->message_size);
    }
    if ((response->flags & TENON_RESPONSE_FINAL) != 0) {
      found->second->done = true;
      self.changed_.notify_all();
    }
    return TENON_OK;
  }
  static tenon_code report_usage(tenon_host* host, tenon_request_id id, uint64_t tokens,
                                 uint64_t) noexcept {
    TestHost& self = of(host);
    const std::lock_guard lock(self.mutex_);
    const auto found = self.open_.find(id);
    if (found == self.open_.end()) return TENON_NOT_FOUND;
    found->second->answer.tokens += tokens;
    return TENON_OK;
  }
  static tenon_code consume(tenon_host*, tenon_request_id, uint64_t) noexcept { return TENON_OK; }
  static void fault(tenon_host*, tenon_instance*, const tenon_error*) noexcept {}

  static tenon_code cache_open(tenon_host* host, tenon_str name, int32_t* fd,
                               uint64_t* size) noexcept {
    TestHost& self = of(host);
    const std::lock_guard lock(self.mutex_);
    const auto found = self.files_.find(text(name));
    if (found == self.files_.end()) return TENON_NOT_FOUND;
    *fd = ::memfd_create("cache", MFD_CLOEXEC);
    *size = found->second.size();
    const ssize_t n = ::pwrite(*fd, found->second.data(), found->second.size(), 0);
    return n == static_cast<ssize_t>(found->second.size()) ? TENON_OK : TENON_INTERNAL;
  }
  static tenon_code cache_create(tenon_host*, tenon_str, int32_t* fd) noexcept {
    *fd = ::memfd_create("new", MFD_CLOEXEC);
    return TENON_OK;
  }
  static tenon_code cache_publish(tenon_host* host, tenon_str name, int32_t fd) noexcept {
    TestHost& self = of(host);
    const std::lock_guard lock(self.mutex_);
    self.files_[text(name)] = read_all(fd);
    self.changed_.notify_all();
    return TENON_OK;
  }
};

TestHost::TestHost() {
  const std::string path =
      std::string(std::getenv("TENON_BUILD_DIR")) + "/plugins/tei/tenon_tei.so";
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(::dlerror());
  auto entry = reinterpret_cast<decltype(&tenon_plugin_v1)>(::dlsym(library, "tenon_plugin_v1"));
  descriptor_ = entry();
  cache_ = {sizeof cache_, 0, Table::cache_open, Table::cache_create, Table::cache_publish};
  api_ = {sizeof api_,
          TENON_ABI_MAJOR,
          TENON_ABI_MINOR,
          0,
          reinterpret_cast<tenon_host*>(this),
          Table::get_extension,
          Table::log_enabled,
          Table::log,
          Table::metric_define,
          Table::metric_record,
          Table::env_get,
          Table::report_memory,
          Table::load_progress,
          Table::respond,
          Table::report_usage,
          Table::consume,
          Table::fault};
  tenon_error error = empty_error();
  if (descriptor_->create(&api_, &plugin_, &runtime_, &error) != TENON_OK) {
    throw std::runtime_error(outcome(TENON_INTERNAL, error));
  }
}

TestHost::~TestHost() {
  unload();
  if (prepared_ != nullptr) plugin_->release(runtime_, prepared_);
  plugin_->destroy(runtime_);
}

std::pair<unsigned, std::string> TestHost::probe(const std::string& folder) {
  Source source(folder, {});
  tenon_probe probe{};
  probe.struct_size = sizeof probe;
  tenon_error error = empty_error();
  const tenon_code code = plugin_->probe(runtime_, &source.source, &probe, &error);
  if (code != TENON_OK) return {0, outcome(code, error)};
  return {probe.score, std::string(probe.reason, probe.reason_size)};
}

std::string TestHost::prepare(const std::string& folder, const Options& options) {
  unload();
  if (prepared_ != nullptr) plugin_->release(runtime_, std::exchange(prepared_, nullptr));
  Source source(folder, options);
  tenon_error error = empty_error();
  return outcome(plugin_->prepare(runtime_, &source.source, &prepared_, &error), error);
}

std::string TestHost::load(unsigned threads) {
  tenon_lease lease{};
  lease.struct_size = sizeof lease;
  lease.threads = threads;
  lease.device_stride = sizeof(tenon_device);
  const std::uint32_t cancelled = 0;
  tenon_error error = empty_error();
  return outcome(plugin_->load(runtime_, prepared_, &lease, &cancelled, &instance_, &error), error);
}

void TestHost::unload() {
  if (instance_ != nullptr) plugin_->unload(std::exchange(instance_, nullptr));
}

tenon_request_id TestHost::submit(const std::string& method, const std::string& path,
                                  const std::string& body, const std::string& content_type) {
  auto open = std::make_unique<Open>();
  open->kept = {method, path, body, content_type};
  static const std::string kContentType = "content-type";
  const tenon_pair headers[] = {{str(kContentType), str(open->kept[3])}};
  const tenon_bytes segment{reinterpret_cast<const std::uint8_t*>(open->kept[2].data()),
                            open->kept[2].size()};
  tenon_request request{};
  request.struct_size = sizeof request;
  request.flags = TENON_REQUEST_BODY_COMPLETE;
  request.credit = 64 << 20;
  request.cancel_word = &open->cancelled;
  request.method = str(open->kept[0]);
  request.path = str(open->kept[1]);
  request.headers = headers;
  request.n_headers = content_type.empty() ? 0 : 1;
  request.body = &segment;
  request.n_body = 1;
  {
    const std::lock_guard lock(mutex_);
    request.id = next_++;
    open_[request.id] = std::move(open);
  }
  const tenon_request* requests[] = {&request};
  std::uint32_t accepted = 0;
  plugin_->submit(instance_, requests, 1, &accepted);
  if (accepted != 1) throw std::runtime_error("the request was not accepted");
  return request.id;
}

void TestHost::cancel(tenon_request_id id) {
  {
    const std::lock_guard lock(mutex_);
    __atomic_store_n(&open_[id]->cancelled, 1, __ATOMIC_RELAXED);
  }
  plugin_->cancel(instance_, id);
}

TestAnswer TestHost::wait(tenon_request_id id) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return open_[id]->done; });
  return open_[id]->answer;
}

std::map<std::string, std::string> TestHost::published() const {
  const std::lock_guard lock(mutex_);
  return files_;
}

void TestHost::put(const std::string& name, const std::string& content) {
  const std::lock_guard lock(mutex_);
  files_[name] = content;
}

void TestHost::wait_published(std::size_t n) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return files_.size() >= n; });
}

}  // namespace tenon::tei
