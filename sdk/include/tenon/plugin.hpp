// tenon/plugin.hpp: a plugin in C++20, a page long. Header-only; gcc 12, clang and later.
//
//   class Echo {
//    public:
//     static constexpr std::string_view kId = "echo", kVersion = "0.1.0";
//     static constexpr bool kForkSafe = true;   // construction and prepare() start no thread
//     explicit Echo(tenon::sdk::Host);
//
//     struct Prepared { … };                    // a model read, not yet on a lease
//     struct Instance {                         // a model that serves
//       void handle(tenon::sdk::Request, tenon::sdk::Reply);
//     };
//     Result<Probe> probe(const Model&);
//     Result<Estimate> estimate(const Model&);
//     Result<std::unique_ptr<Prepared>> prepare(const Model&);
//     Result<std::unique_ptr<Instance>> load(Prepared&, const Load&);
//   };
//   TENON_PLUGIN(Echo)
//
// Optional members, found by name:
//   Plugin    static constexpr bool kConcurrentLoad   load() may run for several models at once
//             const void* extension(std::string_view)
//   Instance  bool has_room()                   [instance-serial] false: leave requests to the host
//             static constexpr bool kStreamsBodies    handle() comes with the head: see on_body()
//             static constexpr std::uint64_t kMaxBody     of a whole body; 64 MiB otherwise …
//             void too_large(Request, Reply)              … and the answer beyond it; 413 otherwise
//             std::uint64_t trim(std::uint32_t kind, std::uint64_t wanted)   [control]
//             Result<> health()                 [any]
//
// handle() is [instance-serial] and must not block: hand the Reply to a thread of the instance.
// The destructor of an Instance is its unload: it joins its threads; requests still open are then
// ended by the wrapper. Exceptions are caught at every entry and become TENON_INTERNAL.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tenon/plugin.h"
#include "tenon/sdk/exchange.hpp"
#include "tenon/sdk/host.hpp"
#include "tenon/sdk/options.hpp"
#include "tenon/sdk/request.hpp"
#include "tenon/sdk/values.hpp"

namespace tenon::sdk {

// What load() works with. The fault is the instance's own: copy it to where it may be needed.
class Load {
 public:
  Load(Lease l, Host h, const std::uint32_t* cancel_word, tenon_instance* instance)
      : lease(std::move(l)), host(h), cancel_word_(cancel_word), instance_(instance) {}

  Lease lease;
  Host host;

  // The host gives up: return TENON_CANCELLED soon. Only during load().
  bool cancelled() const {
    return cancel_word_ != nullptr && __atomic_load_n(cancel_word_, __ATOMIC_RELAXED) != 0;
  }
  // Makes a function that says that the instance is broken: unload follows. [any]
  auto fault() const {
    return [api = host.api(), instance = instance_](const Failure& failure) {
      const tenon_error error = detail::to_error(failure);
      api->fault(api->host, instance, &error);
    };
  }

 private:
  const std::uint32_t* cancel_word_;
  tenon_instance* instance_;
};

namespace detail {

// Runs what an author wrote; whatever it throws becomes a Failure and a line in the log.
template <class Body>
std::optional<Failure> guard(const Host& host, const char* entry, Body&& body) {
  const auto report = [&](tenon_code code, const char* what) {
    Failure failure{code, std::string("exception in ") + entry + ": " + what, 0};
    host.error(failure.message);
    return failure;
  };
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return report(TENON_EXHAUSTED, "out of memory");
  } catch (const std::exception& e) {
    return report(TENON_INTERNAL, e.what());
  } catch (...) {
    return report(TENON_INTERNAL, "not a std::exception");
  }
}

inline tenon_code conclude(const std::optional<Failure>& failure, tenon_error* out) {
  if (!failure) return TENON_OK;
  if (out) hand_out(to_error(*failure), out);
  return failure->code;
}

// The open requests of one instance.
class OpenRequests final : public Registry {
 public:
  void add(std::shared_ptr<Exchange> exchange) {
    const tenon_request_id id = exchange->head().id;
    std::lock_guard lock(mutex_);
    open_.insert_or_assign(id, std::move(exchange));
  }
  std::shared_ptr<Exchange> find(tenon_request_id id) {
    std::lock_guard lock(mutex_);
    const auto found = open_.find(id);
    return found == open_.end() ? nullptr : found->second;
  }
  void forget(tenon_request_id id) override {
    std::lock_guard lock(mutex_);
    open_.erase(id);
    if (open_.empty()) emptied_.notify_all();
  }
  bool wait_empty(std::uint64_t deadline_ns) {
    using namespace std::chrono;
    const auto ns = std::min<std::uint64_t>(deadline_ns, INT64_MAX / 2);
    const steady_clock::time_point deadline{nanoseconds(ns)};
    std::unique_lock lock(mutex_);
    return emptied_.wait_until(lock, deadline, [&] { return open_.empty(); });
  }
  std::vector<std::shared_ptr<Exchange>> all() {
    std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Exchange>> all;
    for (const auto& [id, exchange] : open_) all.push_back(exchange);
    return all;
  }

 private:
  std::mutex mutex_;
  std::condition_variable emptied_;
  std::unordered_map<tenon_request_id, std::shared_ptr<Exchange>> open_;
};

// Everything between the C table and the author's class.
template <class Plugin>
class Bridge {
  using Prepared = typename Plugin::Prepared;
  using Instance = typename Plugin::Instance;

  struct Runtime {
    explicit Runtime(const tenon_host_api& theirs) : table(theirs), host(&table) {}
    tenon_host_api table;
    Host host;
    std::unique_ptr<Plugin> plugin;
  };
  struct Ready {
    std::unique_ptr<Prepared> prepared;
  };
  struct Serving {
    explicit Serving(Host h) : host(h) {}
    Host host;
    OpenRequests open;
    std::unique_ptr<Instance> instance;
  };

  static Runtime& of(tenon_runtime* r) { return *reinterpret_cast<Runtime*>(r); }
  static Serving& of(tenon_instance* i) { return *reinterpret_cast<Serving*>(i); }

  static constexpr bool kStreamsBodies = [] {
    if constexpr (requires { Instance::kStreamsBodies; }) return Instance::kStreamsBodies;
    return false;
  }();
  static constexpr std::uint64_t kMaxBody = [] {
    if constexpr (requires { Instance::kMaxBody; }) return std::uint64_t{Instance::kMaxBody};
    return std::uint64_t{64} << 20;
  }();
  static constexpr std::uint64_t kFeatures = [] {
    std::uint64_t features = TENON_FEATURE_STREAMS;
    if constexpr (requires { Plugin::kForkSafe; }) {
      if (Plugin::kForkSafe) features |= TENON_FEATURE_FORK_SAFE;
    }
    if constexpr (requires { Plugin::kConcurrentLoad; }) {
      if (Plugin::kConcurrentLoad) features |= TENON_FEATURE_CONCURRENT_LOAD;
    }
    return features;
  }();

  // ---- life ----

  static tenon_code create(const tenon_host_api* theirs, const tenon_plugin_api** api,
                           tenon_runtime** out, tenon_error* error) noexcept {
    if (theirs->abi_major != TENON_ABI_MAJOR || theirs->struct_size < kHostApi_1_0) {
      return conclude(fail(TENON_PRECONDITION, "the host's table is not of ABI 1.0 or later"),
                      error);
    }
    const tenon_host_api table = adopt(theirs);
    return conclude(guard(Host(&table), "create",
                          [&]() -> std::optional<Failure> {
                            auto runtime = std::make_unique<Runtime>(table);
                            runtime->plugin = std::make_unique<Plugin>(runtime->host);
                            *api = &kTable;
                            *out = reinterpret_cast<tenon_runtime*>(runtime.release());
                            return std::nullopt;
                          }),
                    error);
  }

  static const void* get_extension(tenon_runtime* r, tenon_str name) noexcept {
    const void* found = nullptr;
    if constexpr (requires(Plugin& p) { p.extension(std::string_view()); }) {
      guard(of(r).host, "get_extension", [&]() -> std::optional<Failure> {
        found = of(r).plugin->extension(view(name));
        return std::nullopt;
      });
    }
    return found;
  }

  static tenon_code probe(tenon_runtime* r, const tenon_model_source* source, tenon_probe* out,
                          tenon_error* error) noexcept {
    return conclude(guard(of(r).host, "probe",
                          [&]() -> std::optional<Failure> {
                            Result<Probe> found = of(r).plugin->probe(to_model(source));
                            if (!found) return std::move(found.failure());
                            tenon_probe mine{};
                            mine.score = found->score;
                            mine.reason_size = put_text(mine.reason, found->reason);
                            hand_out(mine, out);
                            return std::nullopt;
                          }),
                    error);
  }

  static tenon_code estimate(tenon_runtime* r, const tenon_model_source* source,
                             tenon_estimate* out, tenon_error* error) noexcept {
    return conclude(guard(of(r).host, "estimate",
                          [&]() -> std::optional<Failure> {
                            Result<Estimate> found = of(r).plugin->estimate(to_model(source));
                            if (!found) return std::move(found.failure());
                            tenon_estimate mine{};
                            mine.threads = found->threads;
                            mine.host_bytes = found->host_bytes;
                            mine.mapped_bytes = found->mapped_bytes;
                            mine.device_bytes = found->device_bytes;
                            hand_out(mine, out);
                            return std::nullopt;
                          }),
                    error);
  }

  static tenon_code prepare(tenon_runtime* r, const tenon_model_source* source,
                            tenon_prepared** out, tenon_error* error) noexcept {
    return conclude(guard(of(r).host, "prepare",
                          [&]() -> std::optional<Failure> {
                            auto ready = std::make_unique<Ready>();
                            Result<std::unique_ptr<Prepared>> made =
                                of(r).plugin->prepare(to_model(source));
                            if (!made) return std::move(made.failure());
                            ready->prepared = *std::move(made);
                            *out = reinterpret_cast<tenon_prepared*>(ready.release());
                            return std::nullopt;
                          }),
                    error);
  }

  static tenon_code load(tenon_runtime* r, tenon_prepared* p, const tenon_lease* lease,
                         const std::uint32_t* cancel_word, tenon_instance** out,
                         tenon_error* error) noexcept {
    return conclude(guard(of(r).host, "load",
                          [&]() -> std::optional<Failure> {
                            auto serving = std::make_unique<Serving>(of(r).host);
                            auto* handle = reinterpret_cast<tenon_instance*>(serving.get());
                            const Load load(to_lease(lease), of(r).host, cancel_word, handle);
                            Result<std::unique_ptr<Instance>> made =
                                of(r).plugin->load(*reinterpret_cast<Ready*>(p)->prepared, load);
                            if (!made) return std::move(made.failure());
                            serving->instance = *std::move(made);
                            *out = handle;
                            serving.release();
                            return std::nullopt;
                          }),
                    error);
  }

  static tenon_code drain(tenon_instance* i, std::uint64_t deadline_ns) noexcept {
    return of(i).open.wait_empty(deadline_ns) ? TENON_OK : TENON_DEADLINE;
  }

  static tenon_code trim(tenon_instance* i, std::uint32_t kind, std::uint64_t wanted,
                         std::uint64_t* freed) noexcept {
    *freed = 0;
    if constexpr (requires(Instance& x) { x.trim(kind, wanted); }) {
      return conclude(guard(of(i).host, "trim",
                            [&]() -> std::optional<Failure> {
                              *freed = of(i).instance->trim(kind, wanted);
                              return std::nullopt;
                            }),
                      nullptr);
    }
    return TENON_OK;
  }

  static tenon_code health(tenon_instance* i, tenon_error* error) noexcept {
    if constexpr (requires(Instance& x) { x.health(); }) {
      return conclude(guard(of(i).host, "health",
                            [&]() -> std::optional<Failure> {
                              Result<> state = of(i).instance->health();
                              if (!state) return std::move(state.failure());
                              return std::nullopt;
                            }),
                      error);
    }
    return TENON_OK;
  }

  static void unload(tenon_instance* i) noexcept {
    std::unique_ptr<Serving> serving(&of(i));
    for (const auto& exchange : serving->open.all()) exchange->ending();
    guard(serving->host, "unload", [&]() -> std::optional<Failure> {
      serving->instance.reset();
      return std::nullopt;
    });
    for (const auto& exchange : serving->open.all()) exchange->close();
  }

  static void release(tenon_runtime* r, tenon_prepared* p) noexcept {
    guard(of(r).host, "release", [&]() -> std::optional<Failure> {
      delete reinterpret_cast<Ready*>(p);
      return std::nullopt;
    });
  }

  static void destroy(tenon_runtime* r) noexcept {
    std::unique_ptr<Runtime> runtime(&of(r));
    guard(runtime->host, "destroy", [&]() -> std::optional<Failure> {
      runtime->plugin.reset();
      return std::nullopt;
    });
  }

  // ---- requests ----

  static tenon_code submit(tenon_instance* i, const tenon_request* const* requests, std::uint32_t n,
                           std::uint32_t* accepted) noexcept {
    Serving& serving = of(i);
    std::uint32_t taken = 0;
    guard(serving.host, "submit", [&]() -> std::optional<Failure> {
      for (; taken < n; ++taken) {
        if constexpr (requires(Instance& x) { x.has_room(); }) {
          if (!serving.instance->has_room()) break;
        }
        auto exchange = std::make_shared<Exchange>(serving.host, serving.open, requests[taken]);
        serving.open.add(exchange);
        begin(serving, std::move(exchange), requests[taken]);
      }
      return std::nullopt;
    });
    *accepted = taken;
    return taken == n ? TENON_OK : TENON_WOULD_BLOCK;
  }

  // From here on the request is ours: nothing leaves but through the exchange.
  static void begin(Serving& serving, std::shared_ptr<Exchange> exchange,
                    const tenon_request* request) noexcept {
    const bool whole = (exchange->head().flags & TENON_REQUEST_BODY_COMPLETE) != 0;
    if (whole) return hand_over(serving, std::move(exchange));
    if constexpr (kStreamsBodies) {
      guard(serving.host, "submit", [&]() -> std::optional<Failure> {
        exchange->append(request->body, request->n_body);
        return std::nullopt;
      });
      hand_over(serving, std::move(exchange));
    } else {
      collect(serving, std::move(exchange), request->body, request->n_body, false);
    }
  }

  static void body(tenon_instance* i, tenon_request_id id, const tenon_bytes* segments,
                   std::uint32_t n, std::uint32_t flags) noexcept {
    Serving& serving = of(i);
    auto exchange = serving.open.find(id);
    if (!exchange) return;
    const bool last = (flags & TENON_BODY_LAST) != 0;
    if constexpr (kStreamsBodies) {
      guard(serving.host, "body", [&]() -> std::optional<Failure> {
        exchange->deliver(segments, n, last);
        return std::nullopt;
      });
    } else {
      collect(serving, std::move(exchange), segments, n, last);
    }
  }

  // Gathers a body that handle() wants whole.
  static void collect(Serving& serving, std::shared_ptr<Exchange> exchange,
                      const tenon_bytes* segments, std::uint32_t n, bool last) noexcept {
    std::uint64_t size = 0;
    for (std::uint32_t i = 0; i < n; ++i) size += segments[i].size;
    if (exchange->refused()) return exchange->consume(size);
    if (exchange->body().size() + size > kMaxBody) {
      exchange->consume(size);
      return refuse(serving, std::move(exchange));
    }
    const auto failure = guard(serving.host, "body", [&]() -> std::optional<Failure> {
      exchange->append(segments, n);
      return std::nullopt;
    });
    if (failure) return exchange->fail(*failure);
    if (last) return hand_over(serving, std::move(exchange));
    exchange->consume(size);
  }

  static void hand_over(Serving& serving, std::shared_ptr<Exchange> exchange) noexcept {
    if (exchange->body().size() > kMaxBody && !kStreamsBodies) {
      return refuse(serving, std::move(exchange));
    }
    exchange->dispatch([&] {
      return guard(serving.host, "handle", [&]() -> std::optional<Failure> {
        serving.instance->handle(Request(exchange), Reply(exchange));
        return std::nullopt;
      });
    });
  }

  static void refuse(Serving& serving, std::shared_ptr<Exchange> exchange) noexcept {
    exchange->refuse();
    exchange->dispatch([&] {
      return guard(serving.host, "too_large", [&]() -> std::optional<Failure> {
        Reply reply(exchange);
        if constexpr (requires(Instance& x) { x.too_large(Request(exchange), std::move(reply)); }) {
          serving.instance->too_large(Request(exchange), std::move(reply));
        } else {
          reply.send(413, {{"content-type", "text/plain; charset=utf-8"}},
                     "The request body is larger than " + std::to_string(kMaxBody) + " bytes.\n");
        }
        return std::nullopt;
      });
    });
  }

  static void credit(tenon_instance* i, tenon_request_id id, std::uint64_t bytes) noexcept {
    guard(of(i).host, "credit", [&]() -> std::optional<Failure> {
      if (auto exchange = of(i).open.find(id)) exchange->add_credit(bytes);
      return std::nullopt;
    });
  }

  static void cancel(tenon_instance* i, tenon_request_id id) noexcept {
    guard(of(i).host, "cancel", [&]() -> std::optional<Failure> {
      if (auto exchange = of(i).open.find(id)) exchange->cancel();
      return std::nullopt;
    });
  }

  static constexpr std::uint32_t kHostApi_1_0 = 120;

  static constexpr tenon_plugin_api kTable{sizeof(tenon_plugin_api),
                                           TENON_ABI_MINOR,
                                           kFeatures,
                                           get_extension,
                                           probe,
                                           estimate,
                                           prepare,
                                           load,
                                           submit,
                                           body,
                                           credit,
                                           cancel,
                                           drain,
                                           trim,
                                           health,
                                           unload,
                                           release,
                                           destroy};

#if defined(__clang__)
  static constexpr std::string_view kBuild = "clang " __clang_version__;
#else
  static constexpr std::string_view kBuild = "gcc " __VERSION__;
#endif

 public:
  static constexpr tenon_plugin_descriptor kDescriptor{sizeof(tenon_plugin_descriptor),
                                                       TENON_MAGIC,
                                                       TENON_ABI_MAJOR,
                                                       TENON_ABI_MINOR,
                                                       0,
                                                       0,
                                                       str(Plugin::kId),
                                                       str(Plugin::kVersion),
                                                       str(kBuild),
                                                       create};
};

}  // namespace detail
}  // namespace tenon::sdk

// Exports a plugin: once in a library, outside of any namespace.
#define TENON_PLUGIN(Plugin)                                                              \
  extern "C" TENON_EXPORT const tenon_plugin_descriptor* tenon_plugin_v1(void) noexcept { \
    return &::tenon::sdk::detail::Bridge<Plugin>::kDescriptor;                            \
  }
