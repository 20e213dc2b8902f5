#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "host/loop/event_loops.h"
#include "host/workers/answer_table.h"
#include "host/workers/cache_folder.h"
#include "host/workers/feeder.h"
#include "host/workers/host_table.h"
#include "host/workers/replica.h"

namespace tenon::workers {

// A replica inside the host: the same tables and the same checks as with a worker, requests handed
// over on the event loop that brings them. Each replica creates its plugin anew. A plugin that
// hangs or crashes takes the host along: that is what the operator's grant means.
class HostReplica final : public Replica,
                          public Outlet,
                          public std::enable_shared_from_this<HostReplica> {
 public:
  // `loads`: held during [control] calls to this plugin.
  HostReplica(EventLoops& loops, const ReplicaSpec& spec, ReplicaObserver& observer,
              std::optional<CacheFolder> cache, std::shared_ptr<std::mutex> loads,
              std::function<void(HostReplica&)> on_ended);
  ~HostReplica() override;

  void start();  // [control]
  // Ends the plugin and waits for that, however long it takes; tells nobody.
  void end();                                 // [control]
  std::vector<PluginMetric> metrics() const;  // [any]

  std::expected<RequestId, SubmitError> submit(unsigned loop, const RequestView&,
                                               ResponseSink&) override;
  bool send_body(RequestId, std::span<const std::byte>, bool last) override;
  void grant(RequestId, std::uint64_t bytes) override;
  void cancel(RequestId) override;
  void stop(milliseconds grace) override;
  std::uint64_t memory_bytes() const override { return state_->host_bytes.load(); }
  std::uint64_t device_bytes(std::size_t) const override { return 0; }
  std::chrono::nanoseconds cpu_time() const override { return {}; }
  int pid() const override { return 0; }

 private:
  struct Port {
    Port(std::uint32_t loop, boost::asio::io_context& io) : context(io), answers(loop) {}
    boost::asio::io_context& context;
    AnswerTable answers;  // [the loop]
    bool draining = false;
    bool closed = false;
    bool refused = false;
    std::mutex mutex;              // guards what follows
    std::vector<std::byte> queue;  // records, as in a ring
    bool scheduled = false;
  };
  struct Loaded {
    tenon_plugin_api api{};
    tenon_runtime* runtime = nullptr;
    tenon_prepared* prepared = nullptr;
    tenon_instance* instance = nullptr;
  };

  // Outlet
  std::byte* begin(std::uint32_t loop, ResponseKind, std::uint16_t flags, RequestId,
                   std::size_t payload) override;
  void end(std::uint32_t loop) override;
  void answered() override;
  bool keeps_log(int level) override;
  void log(int level, std::string_view text, RequestId) override;
  void progress(double done, std::string_view what) override;
  void define_metric(const MetricDefinition&) override {}
  void fault(const Error&) override;
  Cache* cache() override { return cache_ ? &*cache_ : nullptr; }

  // The plugin's [control] role, on a thread of its own.
  static void run(std::shared_ptr<HostReplica> self);
  Result<void> load();
  void unload();
  void on_loaded();                      // [control]
  void give_up(const std::string& why);  // [control]
  void finish();                         // [control]
  void close_ports(const Failure&, std::function<void()> then);
  void serve(Port&);
  void count(Port&);
  void tell_unload();
  Port& port_of(RequestId id);
  std::string subject() const;

  EventLoops& loops_;
  const ReplicaSpec spec_;
  ReplicaObserver& observer_;
  std::optional<CacheFolder> cache_;
  std::shared_ptr<std::mutex> loads_;
  std::function<void(HostReplica&)> on_ended_;
  std::unique_ptr<SharedState> state_;
  HostTable table_;
  Loaded loaded_;
  std::mutex feeding_;  // the [instance-serial] role
  std::optional<Feeder> feeder_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::atomic<bool> accepting_{false};
  StartTimes times_;

  bool ready_ = false;  // [control], as what follows
  bool stopping_ = false;
  bool faulty_ = false;
  bool finished_ = false;
  Gone gone_;
  unsigned drained_ = 0;
  boost::asio::steady_timer timer_;

  std::mutex end_mutex_;
  std::condition_variable end_changed_;
  bool unload_wanted_ = false;
  std::thread thread_;
};

}  // namespace tenon::workers
