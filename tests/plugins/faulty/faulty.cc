// A plugin with switchable sins, written against the bare C ABI: what a host must survive and the
// validator must find. The option `sin` chooses one; without it the plugin echoes. Sins of the
// descriptor and the table are variants of the library, chosen when it is built (FAULTY_VARIANT).

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tenon/plugin.h"

namespace {

using namespace std::chrono_literals;

enum class Variant {
  kNone,
  kWrongMagic,
  kFutureMajor,
  kMissingEntry,
  kAbortInCreate,
  kFailCreate,
  kImpure,   // giving out the descriptor changes the environment
  kHoarder,  // reads uploads and gives no byte of them back
  kBrittle,  // dies of ids that it does not know, is never well, cannot trim
  kPicky,    // wants the host's table to be as long as its own
};
constexpr auto kVariant = static_cast<Variant>(FAULTY_VARIANT);

tenon_str str(const std::string& s) {
  return {s.data(), s.size()};
}
std::string text(tenon_str s) {
  return {s.data, s.size};
}

tenon_code failed(tenon_error* error, const char* message) {
  error->struct_size = sizeof *error;
  error->code = TENON_INTERNAL;
  error->flags = 0;
  error->message_size = static_cast<uint32_t>(strlen(message));
  memcpy(error->message, message, error->message_size);
  return TENON_INTERNAL;
}

[[noreturn]] void sleep_for_ever() {
  for (;;) std::this_thread::sleep_for(1h);
}

}  // namespace

struct tenon_runtime {
  const tenon_host_api* host;
};

struct tenon_prepared {
  tenon_runtime* runtime;
  std::string sin;
};

struct tenon_instance {
  tenon_runtime* runtime;
  std::string sin;
  std::mutex mutex;
  std::vector<std::thread> threads;
  tenon_request_id last = 0;

  const tenon_host_api& host() const { return *runtime->host; }

  tenon_code send(tenon_request_id id, uint32_t status, const std::string& body, bool final,
                  std::vector<tenon_pair> headers = {}) {
    const tenon_bytes segment{reinterpret_cast<const uint8_t*>(body.data()), body.size()};
    tenon_response r{};
    r.struct_size = sizeof r;
    r.flags = final ? TENON_RESPONSE_FINAL : 0;
    r.status = status;
    r.headers = headers.data();
    r.n_headers = static_cast<uint32_t>(headers.size());
    r.body = &segment;
    r.n_body = body.empty() ? 0 : 1;
    return host().respond(host().host, id, &r);
  }

  template <class F>
  void later(F f) {
    const std::lock_guard lock(mutex);
    threads.emplace_back(std::move(f));
  }
};

namespace {

// Memory that stays: seen from outside, so that the compiler cannot leave it out.
void* volatile leaked_last = nullptr;

void leak() {
  void* leaked = malloc(8 << 20);
  if (!leaked) abort();
  memset(leaked, 1, 8 << 20);
  leaked_last = leaked;
}

// Overwrites every writable shared mapping, which is where the rings to the host lie.
void lie_in_the_rings() {
  FILE* maps = fopen("/proc/self/maps", "r");
  if (!maps) return;
  char line[512];
  while (fgets(line, sizeof line, maps)) {
    unsigned long begin, end;
    char mode[8];
    if (sscanf(line, "%lx-%lx %7s", &begin, &end, mode) != 3 || strcmp(mode, "rw-s") != 0) continue;
    memset(reinterpret_cast<void*>(begin), 0xa5, end - begin);
  }
  fclose(maps);
}

std::string sin_of(const tenon_model_source& source) {
  for (uint32_t i = 0; i < source.n_options; ++i) {
    if (text(source.options[i].name) == "sin") return text(source.options[i].value);
  }
  return {};
}

tenon_code probe(tenon_runtime*, const tenon_model_source* source, tenon_probe* out,
                 tenon_error* error) noexcept {
  const std::string sin = sin_of(*source);
  if (sin == "hang_in_probe") sleep_for_ever();
  if (sin == "abort_in_probe") abort();
  if (sin == "fail_probe") return failed(error, "the folder was not to its liking");
  out->score = sin == "lie_in_probe" ? 101 : 1;
  const std::string reason = "asked in process " + std::to_string(getpid());
  memcpy(out->reason, reason.data(), reason.size());
  out->reason_size = sin == "lie_in_probe" ? 1 << 30 : static_cast<uint32_t>(reason.size());
  return TENON_OK;
}

tenon_code estimate(tenon_runtime*, const tenon_model_source*, tenon_estimate* out,
                    tenon_error*) noexcept {
  out->host_bytes = 1 << 20;
  return TENON_OK;
}

tenon_code prepare(tenon_runtime* runtime, const tenon_model_source* source, tenon_prepared** out,
                   tenon_error* error) noexcept {
  const std::string sin = sin_of(*source);
  if (sin == "abort_in_prepare") abort();
  if (sin == "thread_in_prepare") std::thread(sleep_for_ever).detach();
  if (sin == "fail_prepare") return failed(error, "the model was not to its liking");
  if (sin == "hang_in_prepare") sleep_for_ever();
  *out = new tenon_prepared{runtime, sin};
  return TENON_OK;
}

void say_broken(tenon_instance& self) {
  tenon_error error{};
  failed(&error, "the instance says itself that it is broken");
  self.host().fault(self.host().host, &self, &error);
}

tenon_code load(tenon_runtime* runtime, tenon_prepared* prepared, const tenon_lease*,
                const uint32_t*, tenon_instance** out, tenon_error* error) noexcept {
  const auto& sin = prepared->sin;
  if (sin == "throw_in_load") throw std::runtime_error("thrown through the boundary");
  if (sin == "fail_load") return failed(error, "the weights were not to its liking");
  if (sin == "abort_in_load") abort();
  if (sin == "exit_in_load") exit(0);
  if (sin == "hang_in_load") sleep_for_ever();
  if (sin == "setenv_in_load") setenv("FAULTY", "1", 1);
  if (sin == "chdir_in_load" && chdir("/") != 0) abort();
  if (sin == "signal_in_load") signal(SIGUSR2, SIG_IGN);
  if (sin == "print_in_load") puts("loading …");
  if (sin == "null_instance") {
    *out = nullptr;
    return TENON_OK;
  }
  *out = new tenon_instance{.runtime = runtime, .sin = sin, .mutex = {}, .threads = {}};
  if (sin == "fault_in_load") say_broken(**out);
  return TENON_OK;
}

// One request, by the chosen sin; true when it was accepted.
bool handle(tenon_instance& self, const tenon_request& request) {
  const auto& sin = self.sin;
  const auto id = request.id;
  std::string body;
  for (uint32_t i = 0; i < request.n_body; ++i) {
    body.append(reinterpret_cast<const char*>(request.body[i].data), request.body[i].size);
  }
  if (!(request.flags & TENON_REQUEST_BODY_COMPLETE)) return true;  // hoard() answers
  if (sin == "abort_in_submit") abort();
  if (sin == "fear_of_brackets" && body.starts_with("[[")) abort();
  if (sin == "no_final_when_cancelled" && *request.cancel_word != 0) return true;
  if (sin == "no_final_when_late" && request.deadline_ns != 0) return true;
  if (sin == "segfault_in_submit") raise(SIGSEGV);
  if (sin == "exit_in_submit") exit(0);
  if (sin == "throw_in_submit") throw std::runtime_error("thrown through the boundary");
  if (sin == "block_in_submit") sleep_for_ever();
  if (sin == "no_final" || sin == "hang_in_unload") return true;
  if (sin == "two_finals") {
    self.send(id, 200, body, true);
    self.send(id, 200, body, true);
  } else if (sin == "answer_before") {
    self.send(self.last ? self.last : id + 1, 200, "stale", true);
    self.last = id;
    self.send(id, 200, body, true);
  } else if (sin == "bad_status") {
    self.send(id, 7, body, true);
  } else if (sin == "bad_header") {
    const std::string name = "x-split", value = "a\r\nx-smuggled: b";
    self.send(id, 200, body, true, {{str(name), str(value)}});
  } else if (sin == "body_without_head") {
    self.send(id, 0, body, true);
  } else if (sin == "credit_overrun") {
    self.send(id, 200, std::string(request.credit + 1, 'x'), true);
  } else if (sin == "abort_mid_stream") {
    self.send(id, 200, "first", false);
    self.later([] {
      std::this_thread::sleep_for(50ms);
      abort();
    });
  } else if (sin == "silent_mid_stream") {
    self.send(id, 200, "first", false);
  } else if (sin == "ignore_cancel") {
    self.later([&self, id, body] {
      std::this_thread::sleep_for(2s);
      self.send(id, 200, body, true);
    });
  } else if (sin == "keep_path") {
    const tenon_str path = request.path;
    self.later([&self, id, path] {
      std::this_thread::sleep_for(50ms);
      self.send(id, 200, text(path), true);
    });
  } else if (sin == "metric_in_submit") {
    const std::string name = "late";
    self.host().metric_define(self.host().host, TENON_METRIC_COUNTER, str(name), str(name), nullptr,
                              0);
    self.send(id, 200, body, true);
  } else if (sin == "abort_when_refused") {
    if (self.send(id, 200, body, true) != TENON_OK) abort();
  } else if (sin == "call_after_destroy") {
    self.send(id, 200, body, true);
    std::thread([host = &self.host()] {
      std::this_thread::sleep_for(100ms);
      host->log(host->host, TENON_LOG_INFO, {"still here", 10}, 0);
    }).detach();
  } else if (sin == "leak_file") {
    if (dup(STDIN_FILENO) < 0) abort();
    self.send(id, 200, body, true);
  } else if (sin == "leak") {
    leak();
    self.send(id, 200, body, true);
  } else if (sin == "leak_without_end") {
    for (;;) leak();
  } else if (sin == "write_past_buffer") {
    auto* foreign = const_cast<char*>(request.path.data);
    memset(foreign - 64, 0x5a, 1 << 20);
    self.send(id, 200, body, true);
  } else if (sin == "ring_lie") {
    lie_in_the_rings();
    self.send(id, 200, body, true);
  } else if (sin == "fault") {
    say_broken(self);
  } else {
    self.send(id, 200, body, true);
  }
  return true;
}

tenon_code submit(tenon_instance* self, const tenon_request* const* requests, uint32_t n,
                  uint32_t* accepted) noexcept {
  *accepted = 0;
  for (uint32_t i = 0; i < n; ++i) {
    if (!handle(*self, *requests[i])) break;
    ++*accepted;
  }
  if (self->sin == "accept_too_many") *accepted = n + 5;
  return TENON_OK;
}

// An upload, read to its end.
void hoard(tenon_instance* self, tenon_request_id id, const tenon_bytes*, uint32_t,
           uint32_t flags) noexcept {
  if (flags & TENON_BODY_LAST) self->send(id, 200, "all of it", true);
}

void die_of_stale_ids(tenon_instance* self, tenon_request_id id) noexcept {
  if (id > self->last) abort();
}
tenon_code never_well(tenon_instance*, tenon_error* error) noexcept {
  return failed(error, "it is never well");
}
tenon_code cannot_trim(tenon_instance*, uint32_t, uint64_t, uint64_t*) noexcept {
  return TENON_INTERNAL;
}

void unload(tenon_instance* self) noexcept {
  if (self->sin == "hang_in_unload") sleep_for_ever();
  for (auto& thread : self->threads) thread.join();
  delete self;
}

void release(tenon_runtime*, tenon_prepared* prepared) noexcept {
  delete prepared;
}
void destroy(tenon_runtime* runtime) noexcept {
  delete runtime;
}

constexpr tenon_plugin_api kApi = {
    .struct_size = sizeof(tenon_plugin_api),
    .abi_minor = TENON_ABI_MINOR,
    .features = TENON_FEATURE_FORK_SAFE | TENON_FEATURE_STREAMS,
    .get_extension = nullptr,
    .probe = probe,
    .estimate = estimate,
    .prepare = prepare,
    .load = load,
    .submit = kVariant == Variant::kMissingEntry ? nullptr : submit,
    .body = kVariant == Variant::kHoarder ? hoard : nullptr,
    .credit = nullptr,
    .cancel = kVariant == Variant::kBrittle ? die_of_stale_ids : nullptr,
    .drain = nullptr,
    .trim = kVariant == Variant::kBrittle ? cannot_trim : nullptr,
    .health = kVariant == Variant::kBrittle ? never_well : nullptr,
    .unload = unload,
    .release = release,
    .destroy = destroy,
};

tenon_code create(const tenon_host_api* host, const tenon_plugin_api** api, tenon_runtime** out,
                  tenon_error* error) noexcept {
  if (kVariant == Variant::kAbortInCreate) abort();
  if (kVariant == Variant::kFailCreate) return failed(error, "it does not want to start");
  if (kVariant == Variant::kPicky && host->struct_size != sizeof(tenon_host_api)) {
    return failed(error, "the host is not of its year");
  }
  *api = &kApi;
  *out = new tenon_runtime{host};
  return TENON_OK;
}

constexpr tenon_plugin_descriptor kDescriptor = {
    .struct_size = sizeof(tenon_plugin_descriptor),
    .magic = kVariant == Variant::kWrongMagic ? 0x0badf00d : TENON_MAGIC,
    .abi_major = TENON_ABI_MAJOR + (kVariant == Variant::kFutureMajor ? 1 : 0),
    .abi_minor = TENON_ABI_MINOR,
    .abi_minor_min = 0,
    .reserved = 0,
    .id = {FAULTY_ID, sizeof FAULTY_ID - 1},
    .version = {"0.1.0", 5},
    .build_info = {"", 0},
    .create = create,
};

}  // namespace

const tenon_plugin_descriptor* tenon_plugin_v1(void) noexcept {
  if (kVariant == Variant::kImpure) setenv("FAULTY", "1", 1);
  return &kDescriptor;
}
