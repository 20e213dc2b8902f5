#include "host/workers/host_table.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "host/workers/answer_table.h"
#include "host/workers/codes.h"
#include "host/workers/response_check.h"

namespace tenon::workers {
namespace {

// A struct of a peer that may be older or newer: the smaller of both sizes, zeros behind it.
template <class T>
T adopt(const T* from) {
  T out{};
  std::memcpy(&out, from, std::min<std::size_t>(from->struct_size, sizeof out));
  return out;
}

std::size_t piece_of(std::uint64_t left) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(left, kChunkBytes));
}

// Forwards a call of the cache extension, if there is a cache and the name is one.
template <class Call>
tenon_code with_cache(tenon_host* host, tenon_str name, Call call) {
  if (!is_cache_name(view(name))) return TENON_INVALID;
  Cache* cache = HostTable::of(host).outlet().cache();
  return cache == nullptr ? TENON_UNAVAILABLE : call(*cache, view(name));
}

constexpr tenon_cache_api kCacheApi = {
    .struct_size = sizeof(tenon_cache_api),
    .reserved = 0,
    .open =
        [](tenon_host* host, tenon_str name, std::int32_t* fd, std::uint64_t* size) noexcept {
          const tenon_code code = with_cache(
              host, name, [&](Cache& cache, auto text) { return cache.open(text, *fd, *size); });
          return code == TENON_UNAVAILABLE ? TENON_NOT_FOUND : code;
        },
    .create =
        [](tenon_host* host, tenon_str name, std::int32_t* fd) noexcept {
          return with_cache(host, name,
                            [&](Cache& cache, auto text) { return cache.create(text, *fd); });
        },
    .publish =
        [](tenon_host* host, tenon_str name, std::int32_t fd) noexcept {
          return with_cache(host, name,
                            [&](Cache& cache, auto text) { return cache.publish(text, fd); });
        },
};

}  // namespace

bool is_cache_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 && name[0] != '.' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

HostTable::HostTable(Outlet& outlet) : outlet_(outlet), api_(make_api()) {
  api_.host = reinterpret_cast<tenon_host*>(this);
}

void HostTable::attach(SharedState& state,
                       std::vector<std::pair<std::string, std::string>> environment) {
  state_ = &state;
  environment_ = std::move(environment);
}

tenon_code HostTable::misuse(tenon_code code, std::string_view rule, RequestId id) {
  outlet_.log(TENON_LOG_WARN, "the plugin broke a rule: " + std::string(rule), id);
  return code;
}

const char* HostTable::check(const OpenRequest& request, const tenon_response& response,
                             std::uint64_t& body_bytes, std::uint64_t& headers_bytes) {
  const bool final = (response.flags & TENON_RESPONSE_FINAL) != 0;
  if (response.error != nullptr) {
    if (!final) return "respond: an error without TENON_RESPONSE_FINAL";
    if (response.status != 0 || response.n_headers != 0 || response.n_body != 0) {
      return "respond: an error beside a status, headers or a body";
    }
    return nullptr;
  }
  if (request.has_head) {
    if (response.status != 0 || response.n_headers != 0) {
      return "respond: a second status for one request";
    }
  } else if (!is_valid_status(response.status)) {
    return "respond: the first message's status is not 200 to 599";
  }
  for (std::uint32_t i = 0; i < response.n_headers; ++i) {
    const tenon_pair& header = response.headers[i];
    if (header_fault(view(header.name), view(header.value))) {
      return "respond: a header that is not a lower-case token with a printable value, or that is "
             "the host's to send";
    }
    headers_bytes += 8 + header.name.size + header.value.size;
  }
  if (headers_bytes > kMaxHeadBytes) return "respond: headers larger than 64 KiB";
  for (std::uint32_t i = 0; i < response.n_body; ++i) body_bytes += response.body[i].size;
  return nullptr;
}

tenon_code HostTable::respond(RequestId id, const tenon_response& response) {
  OpenRequest* request = requests_.slot(id);
  if (request == nullptr) return TENON_NOT_FOUND;
  const bool final = (response.flags & TENON_RESPONSE_FINAL) != 0;
  {
    const std::lock_guard lock(request->mutex);
    if (id == 0 || request->id.load(std::memory_order_relaxed) != id) {
      return misuse(TENON_NOT_FOUND, "respond: the request had its final message", id);
    }
    std::uint64_t body_bytes = 0;
    std::uint64_t headers_bytes = 0;
    if (const char* rule = check(*request, response, body_bytes, headers_bytes)) {
      return misuse(TENON_INVALID, rule, id);
    }
    if (request->cancel.load(std::memory_order_relaxed) != 0) {
      if (!final) return TENON_CANCELLED;
      send_error(*request, id, TENON_CANCELLED, 0, "the request was cancelled");
    } else if (response.error != nullptr) {
      const tenon_error error = adopt(response.error);
      const std::size_t size = std::min<std::size_t>(error.message_size, sizeof error.message);
      const tenon_code code = error.code == TENON_OK ? TENON_INTERNAL : error.code;
      send_error(*request, id, code, error.flags, {error.message, size});
    } else {
      if (body_bytes > request->credit.load(std::memory_order_acquire)) return TENON_WOULD_BLOCK;
      request->credit.fetch_sub(body_bytes, std::memory_order_relaxed);
      send(*request, id, response, body_bytes, headers_bytes);
    }
  }
  if (final) outlet_.answered();
  return TENON_OK;
}

void HostTable::send(OpenRequest& request, RequestId id, const tenon_response& response,
                     std::uint64_t body_bytes, std::uint64_t headers_bytes) {
  const std::uint32_t loop = split_id(id).loop;
  const bool final = (response.flags & TENON_RESPONSE_FINAL) != 0;
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  do {
    const std::size_t piece = piece_of(body_bytes);
    body_bytes -= piece;
    const bool head = !request.has_head;
    const bool last = final && body_bytes == 0;
    const auto flags = static_cast<std::uint16_t>((last ? kFlagLast : 0) | (head ? kFlagHead : 0));
    MessageFixed fixed;
    if (head) {
      fixed.status = response.status;
      fixed.n_headers = response.n_headers;
      fixed.headers_size = static_cast<std::uint32_t>(headers_bytes);
    }
    fixed.input_tokens = request.input_tokens;
    fixed.output_tokens = request.output_tokens;
    request.has_head = true;
    // Once the host has the final message it may reuse the slot: close it before.
    if (last) requests_.close(request);
    std::byte* at = outlet_.begin(loop, ResponseKind::kMessage, flags, id,
                                  sizeof fixed + (head ? headers_bytes : 0) + piece);
    if (at == nullptr) return;
    Filler fill(at);
    fill.value(fixed);
    for (std::uint32_t i = 0; head && i < response.n_headers; ++i) {
      fill.header(view(response.headers[i].name), view(response.headers[i].value));
    }
    for (std::size_t left = piece; left > 0;) {
      const tenon_bytes& from = response.body[segment];
      const auto n = std::min<std::uint64_t>(left, from.size - offset);
      fill.bytes(from.data + offset, n);
      left -= n;
      offset += n;
      if (offset == from.size) {
        ++segment;
        offset = 0;
      }
    }
    outlet_.end(loop);
  } while (body_bytes > 0);
}

void HostTable::send_error(OpenRequest& request, RequestId id, tenon_code code, std::uint32_t flags,
                           std::string_view text) {
  MessageFixed fixed;
  fixed.error_code = code;
  fixed.error_flags = flags;
  fixed.input_tokens = request.input_tokens;
  fixed.output_tokens = request.output_tokens;
  requests_.close(request);
  const std::uint32_t loop = split_id(id).loop;
  std::byte* at = outlet_.begin(loop, ResponseKind::kMessage, kFlagLast | kFlagError, id,
                                sizeof fixed + text.size());
  if (at == nullptr) return;
  Filler fill(at);
  fill.value(fixed);
  fill.text(text);
  outlet_.end(loop);
}

void HostTable::finish(RequestId id, const Error& error) {
  OpenRequest* request = requests_.slot(id);
  if (request == nullptr) return;
  const std::lock_guard lock(request->mutex);
  if (request->id.load(std::memory_order_relaxed) != id) return;
  send_error(*request, id, to_abi(error.code), error.retryable ? TENON_ERROR_RETRYABLE : 0,
             error.message);
}

tenon_code HostTable::consume(RequestId id, std::uint64_t bytes) {
  OpenRequest* request = requests_.slot(id);
  if (request == nullptr) return TENON_NOT_FOUND;
  const std::lock_guard lock(request->mutex);
  if (id == 0 || request->id.load(std::memory_order_relaxed) != id) return TENON_NOT_FOUND;
  if (bytes > request->upload) {
    return misuse(TENON_INVALID, "consume: more bytes than submit() and body() brought", id);
  }
  if (bytes == 0) return TENON_OK;
  request->upload -= bytes;
  const std::uint32_t loop = split_id(id).loop;
  std::byte* at = outlet_.begin(loop, ResponseKind::kConsumed, 0, id, sizeof bytes);
  if (at != nullptr) {
    Filler(at).value(bytes);
    outlet_.end(loop);
  }
  return TENON_OK;
}

tenon_metric HostTable::define(const MetricDefinition& definition) {
  if (state_ == nullptr) return 0;
  const auto metric = metrics_.define(definition);
  if (!metric) {
    misuse(TENON_INVALID, "metric_define: " + metric.error().message, 0);
    return 0;
  }
  outlet_.define_metric(definition);
  return *metric;
}

tenon_host_api HostTable::make_api() {
  tenon_host_api api{};
  api.struct_size = sizeof api;
  api.abi_major = TENON_ABI_MAJOR;
  api.abi_minor = TENON_ABI_MINOR;
  api.get_extension = [](tenon_host*, tenon_str name) noexcept -> const void* {
    return view(name) == TENON_EXT_CACHE ? &kCacheApi : nullptr;
  };
  api.log_enabled = [](tenon_host* host, std::int32_t level) noexcept -> std::int32_t {
    return of(host).outlet_.keeps_log(level) ? 1 : 0;
  };
  api.log = [](tenon_host* host, std::int32_t level, tenon_str text, tenon_request_id id) noexcept {
    Outlet& outlet = of(host).outlet_;
    if (outlet.keeps_log(level)) outlet.log(level, view(text), id);
  };
  api.metric_define = [](tenon_host* host, std::int32_t kind, tenon_str name, tenon_str help,
                         const double* bounds, std::uint32_t n) noexcept -> tenon_metric {
    if (kind < TENON_METRIC_COUNTER || kind > TENON_METRIC_HISTOGRAM) return 0;
    return of(host).define({static_cast<PluginMetric::Kind>(kind - TENON_METRIC_COUNTER),
                            std::string(view(name)), std::string(view(help)),
                            std::vector<double>(bounds, bounds + n)});
  };
  api.metric_record = [](tenon_host* host, tenon_metric metric, double value) noexcept {
    HostTable& table = of(host);
    if (table.state_ != nullptr) table.metrics_.record(*table.state_, metric, value);
  };
  api.env_get = [](tenon_host* host, tenon_str key, tenon_str* value) noexcept -> tenon_code {
    for (const auto& [name, text] : of(host).environment_) {
      if (name != view(key)) continue;
      *value = to_str(text);
      return TENON_OK;
    }
    return TENON_NOT_FOUND;
  };
  api.report_memory = [](tenon_host* host, std::uint32_t kind, std::int32_t device,
                         std::uint64_t bytes) noexcept {
    SharedState* state = of(host).state_;
    if (state == nullptr) return;
    if (kind == TENON_MEMORY_HOST) return state->host_bytes.store(bytes);
    const auto ordinal = static_cast<std::size_t>(std::max(device, 0));
    if (ordinal < state->device_bytes.size()) state->device_bytes[ordinal].store(bytes);
  };
  api.load_progress = [](tenon_host* host, double done, tenon_str what) noexcept {
    of(host).outlet_.progress(done, view(what));
  };
  api.respond = [](tenon_host* host, tenon_request_id id,
                   const tenon_response* response) noexcept -> tenon_code {
    return of(host).respond(id, adopt(response));
  };
  api.report_usage = [](tenon_host* host, tenon_request_id id, std::uint64_t input,
                        std::uint64_t output) noexcept -> tenon_code {
    OpenRequest* request = of(host).requests_.slot(id);
    if (request == nullptr) return TENON_NOT_FOUND;
    const std::lock_guard lock(request->mutex);
    if (id == 0 || request->id.load(std::memory_order_relaxed) != id) return TENON_NOT_FOUND;
    request->input_tokens += input;
    request->output_tokens += output;
    return TENON_OK;
  };
  api.consume = [](tenon_host* host, tenon_request_id id, std::uint64_t bytes) noexcept {
    return of(host).consume(id, bytes);
  };
  api.fault = [](tenon_host* host, tenon_instance*, const tenon_error* error) noexcept {
    const tenon_error copy = error == nullptr ? empty_error() : adopt(error);
    of(host).outlet_.fault(to_error(TENON_INTERNAL, copy));
  };
  return api;
}

}  // namespace tenon::workers
