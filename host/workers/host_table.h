#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/domain/error.h"
#include "host/workers/metric_table.h"
#include "host/workers/open_requests.h"
#include "host/workers/record.h"
#include "tenon/ext/cache.h"
#include "tenon/plugin.h"

namespace tenon::workers {

// Files that a plugin keeps for its model (tenon.cache/1). [any]
class Cache {
 public:
  virtual ~Cache() = default;
  virtual tenon_code open(std::string_view name, std::int32_t& fd, std::uint64_t& size) = 0;
  virtual tenon_code create(std::string_view name, std::int32_t& fd) = 0;
  virtual tenon_code publish(std::string_view name, std::int32_t fd) = 0;
};

// 1 to 100 of [a-z0-9._-], not beginning with a dot.
bool is_cache_name(std::string_view);

// What the host table needs of the place where it runs: a worker process or the host itself. All
// functions may be called from any thread.
class Outlet {
 public:
  virtual ~Outlet() = default;

  // A record towards the host's event loop `loop`: begin() gives the memory of its payload, end()
  // sends it. Between the two the outlet is held; begin() may wait for room. Null: nobody listens
  // any more, and end() is not called.
  virtual std::byte* begin(std::uint32_t loop, ResponseKind, std::uint16_t flags, RequestId,
                           std::size_t payload) = 0;
  virtual void end(std::uint32_t loop) = 0;
  // A request had its final message: what the plugin refused may be welcome now.
  virtual void answered() = 0;

  virtual bool keeps_log(int level) = 0;
  virtual void log(int level, std::string_view text, RequestId) = 0;
  virtual void progress(double done, std::string_view what) = 0;
  virtual void define_metric(const MetricDefinition&) = 0;
  virtual void fault(const Error&) = 0;
  virtual Cache* cache() = 0;  // null: nowhere to keep files
};

// The host's side of the ABI over an Outlet: checks what a plugin says, keeps the credits, and
// answers stale ids. One for each plugin in a process; serves one instance.
class HostTable {
 public:
  explicit HostTable(Outlet&);
  HostTable(const HostTable&) = delete;

  const tenon_host_api* api() const { return &api_; }
  OpenRequests& requests() { return requests_; }
  const MetricTable& metrics() const { return metrics_; }
  Outlet& outlet() { return outlet_; }
  static HostTable& of(tenon_host* host) { return *reinterpret_cast<HostTable*>(host); }

  // Before load: where metric values go, and the deployment's environment.
  void attach(SharedState& state, std::vector<std::pair<std::string, std::string>> environment);

  // The host's own final message, if the request is still open.
  void finish(RequestId, const Error&);
  // Gives the host `bytes` of upload window back.
  tenon_code consume(RequestId, std::uint64_t bytes);

 private:
  tenon_code respond(RequestId, const tenon_response&);
  // Why the message breaks a rule of tenon_response, or null.
  const char* check(const OpenRequest&, const tenon_response&, std::uint64_t& body_bytes,
                    std::uint64_t& headers_bytes);
  void send(OpenRequest&, RequestId, const tenon_response&, std::uint64_t body_bytes,
            std::uint64_t headers_bytes);
  void send_error(OpenRequest&, RequestId, tenon_code, std::uint32_t flags, std::string_view text);
  tenon_code misuse(tenon_code, std::string_view rule, RequestId);
  tenon_metric define(const MetricDefinition&);
  static tenon_host_api make_api();

  Outlet& outlet_;
  tenon_host_api api_;
  OpenRequests requests_;
  MetricTable metrics_;
  SharedState* state_ = nullptr;
  std::vector<std::pair<std::string, std::string>> environment_;
};

}  // namespace tenon::workers
