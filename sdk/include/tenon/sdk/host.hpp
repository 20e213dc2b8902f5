// What a plugin may ask of its host: logs, metrics, environment, progress, memory, cached files.
#pragma once

#include <unistd.h>

#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "tenon/ext/cache.h"
#include "tenon/plugin.h"
#include "tenon/sdk/values.hpp"

namespace tenon::sdk {

// A counter, gauge or histogram that load() defined. [any, wait-free]
class Metric {
 public:
  Metric() = default;  // records nothing
  void record(double value) const {
    if (id_ != 0) api_->metric_record(api_->host, id_, value);
  }

 private:
  friend class Host;
  Metric(const tenon_host_api* api, tenon_metric id) : api_(api), id_(id) {}
  const tenon_host_api* api_ = nullptr;
  tenon_metric id_ = 0;
};

// An owned file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// Files made once for a model and mapped on the next load (tenon/ext/cache.h). [any]
class Cache {
 public:
  struct File {
    Fd fd;
    std::uint64_t size = 0;
  };

  // Nothing when the file is not there; its content may be cut short or foreign: check it.
  std::optional<File> open(std::string_view name) const {
    std::int32_t fd = -1;
    std::uint64_t size = 0;
    if (!api_ || api_->open(host_, str(name), &fd, &size) != TENON_OK) return std::nullopt;
    return File{Fd(fd), size};
  }
  // A nameless file to write into; nothing when there is nowhere to keep it: go on without.
  std::optional<Fd> create(std::string_view name) const {
    std::int32_t fd = -1;
    if (!api_ || api_->create(host_, str(name), &fd) != TENON_OK) return std::nullopt;
    return Fd(fd);
  }
  // Publishes what create() gave, whole and at once.
  bool publish(std::string_view name, const Fd& fd) const {
    return api_ && api_->publish(host_, str(name), fd.get()) == TENON_OK;
  }

 private:
  friend class Host;
  Cache(tenon_host* host, const tenon_cache_api* api) : host_(host), api_(api) {}
  tenon_host* host_;
  const tenon_cache_api* api_;
};

// A handle to the host; copy it freely, it lives as long as the process. [any]
class Host {
 public:
  explicit Host(const tenon_host_api* api) : api_(api) {}

  bool logs(std::int32_t level) const { return api_->log_enabled(api_->host, level) != 0; }
  // One line; request: 0 or what it is about.
  void log(std::int32_t level, std::string_view line, tenon_request_id request = 0) const {
    api_->log(api_->host, level, str(line), request);
  }
  void debug(std::string_view line, tenon_request_id r = 0) const { log(TENON_LOG_DEBUG, line, r); }
  void info(std::string_view line, tenon_request_id r = 0) const { log(TENON_LOG_INFO, line, r); }
  void warn(std::string_view line, tenon_request_id r = 0) const { log(TENON_LOG_WARN, line, r); }
  void error(std::string_view line, tenon_request_id r = 0) const { log(TENON_LOG_ERROR, line, r); }

  // Only during load(). Names are snake_case with the unit as suffix.
  Metric counter(std::string_view name, std::string_view help) const {
    return define(TENON_METRIC_COUNTER, name, help, {});
  }
  Metric gauge(std::string_view name, std::string_view help) const {
    return define(TENON_METRIC_GAUGE, name, help, {});
  }
  // bounds: the buckets' upper bounds, rising, without infinity.
  Metric histogram(std::string_view name, std::string_view help,
                   std::span<const double> bounds) const {
    return define(TENON_METRIC_HISTOGRAM, name, help, bounds);
  }

  // A value of the deployment's environment; lives as long as the process.
  std::optional<std::string_view> env(std::string_view key) const {
    tenon_str value{};
    if (api_->env_get(api_->host, str(key), &value) != TENON_OK) return std::nullopt;
    return view(value);
  }

  // During prepare() and load(): done 0 … 1, and the stage in a word.
  void progress(double done, std::string_view what) const {
    api_->load_progress(api_->host, done, str(what));
  }
  // What the instance holds now; kind: TENON_MEMORY_…, device: an ordinal or -1.
  void memory(std::uint32_t kind, std::uint64_t bytes, int device = -1) const {
    api_->report_memory(api_->host, kind, device, bytes);
  }

  const void* extension(std::string_view name) const {
    return api_->get_extension(api_->host, str(name));
  }
  // Without the extension, every call of it finds nothing.
  Cache cache() const {
    return {api_->host, static_cast<const tenon_cache_api*>(extension(TENON_EXT_CACHE))};
  }

  const tenon_host_api* api() const { return api_; }

 private:
  Metric define(std::int32_t kind, std::string_view name, std::string_view help,
                std::span<const double> bounds) const {
    return {api_, api_->metric_define(api_->host, kind, str(name), str(help), bounds.data(),
                                      static_cast<std::uint32_t>(bounds.size()))};
  }
  const tenon_host_api* api_;
};

}  // namespace tenon::sdk
