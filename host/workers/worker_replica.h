#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/loop/event_loops.h"
#include "host/workers/cache_folder.h"
#include "host/workers/child.h"
#include "host/workers/loop_port.h"
#include "host/workers/metric_table.h"
#include "host/workers/process_cpu.h"
#include "host/workers/replica.h"
#include "host/workers/shared_region.h"

namespace tenon::workers {

// When a worker is taken for hung.
struct Supervision {
  milliseconds tick{1'000};              // how often workers with open requests are looked at
  milliseconds submit_limit{10'000};     // requests lie in the ring and it does not move
  milliseconds heartbeat_limit{30'000};  // a question about its health is not answered
  milliseconds unload_limit{5'000};      // from "stop" to the end, at least
};

// A replica in a process of its own. [control], unless Replica says otherwise.
class WorkerReplica final : public Replica,
                            public PortOwner,
                            public Child::Handler,
                            public std::enable_shared_from_this<WorkerReplica> {
 public:
  using Clock = std::chrono::steady_clock;

  WorkerReplica(EventLoops& loops, const ReplicaSpec& spec, const Supervision& supervision,
                ReplicaObserver& observer, std::function<void(WorkerReplica&)> on_ended);

  // Makes the memory and the start message.
  Result<void> prepare(std::vector<std::string> readable, std::optional<CacheFolder> cache,
                       std::uint64_t spin_ns);
  // The process that will be this replica; takes the place of one that did not come to life.
  void attach(std::shared_ptr<Child> child, bool from_template);
  // It could not be started; on_gone() follows.
  void give_up(Error);
  // About once a second.
  void tick();
  std::vector<PluginMetric> metrics() const;  // [any]
  const ReplicaSpec& spec() const { return spec_; }

  std::expected<RequestId, SubmitError> submit(unsigned loop, const RequestView&,
                                               ResponseSink&) override;
  bool send_body(RequestId, std::span<const std::byte>, bool last) override;
  void grant(RequestId, std::uint64_t bytes) override;
  void cancel(RequestId) override;
  void stop(milliseconds grace) override;
  std::uint64_t memory_bytes() const override { return memory_.load(std::memory_order_relaxed); }
  std::uint64_t device_bytes(std::size_t ordinal) const override;
  std::chrono::nanoseconds cpu_time() const override { return process_cpu(pid()); }
  int pid() const override { return pid_.load(std::memory_order_relaxed); }

 private:
  enum class State : std::uint8_t { kStarting, kReady, kStopping, kGone };

  void on_violation(std::string rule) override;
  void on_room(std::uint32_t loop) override;
  void on_drained(std::uint32_t loop) override;
  void on_message(message::ToHost&&) override;
  void on_garbage(const Error&) override;
  void on_exit(const ExitStatus&) override;

  void on(message::Opened&);
  void on(message::Hello&);
  void on(message::Progress&);
  void on(message::Ready&);
  void on(message::Failed&);
  void on(message::Log&);
  void on(message::Fault&);
  void on(message::Metric&);
  void on(message::Pong&);
  void on(message::Forked&);
  void on(message::Estimated&);
  void on(message::Probed&);

  // Ends the process; the first reason counts.
  void end(Gone::Kind, std::string rule);
  void finish(const ExitStatus&);
  std::string how_it_ended(const ExitStatus&) const;
  void close_ports(const Failure&, std::function<void()> then);
  void tell_stop();
  void read_memory();
  void serve_cache();
  void alive();  // the process has what it was sent
  LoopPort& port_of(RequestId id);
  // What the plugin said, without the secrets that it was given.
  std::string own(std::string_view text) const;
  std::string subject() const;  // "plugin 'echo' of default/echo@production"

  EventLoops& loops_;
  const ReplicaSpec spec_;
  const Supervision supervision_;
  ReplicaObserver& observer_;
  std::function<void(WorkerReplica&)> on_ended_;
  std::shared_ptr<Child> child_;
  std::optional<SharedRegion> region_;
  std::unique_ptr<RequestQueue> queue_;
  std::vector<std::shared_ptr<LoopPort>> ports_;
  std::vector<Descriptor> bells_;  // the worker's, until it has them
  message::Start start_;
  std::optional<CacheFolder> cache_;
  Channel cache_channel_;       // ours
  Channel cache_channel_peer_;  // the worker's, until it has it
  std::unique_ptr<boost::asio::posix::stream_descriptor> cache_readable_;
  boost::asio::steady_timer timer_;

  State state_ = State::kStarting;
  std::atomic<bool> accepting_{false};
  std::optional<Gone> reason_;
  Error load_error_;
  StartTimes times_;
  Clock::time_point launched_ = Clock::now();
  Clock::time_point deadline_;
  unsigned drained_ = 0;
  bool stop_told_ = false;
  unsigned logs_this_tick_ = 0;
  unsigned ticks_ = 0;
  std::uint64_t last_tail_ = 0;
  Clock::time_point moved_ = Clock::now();
  std::optional<Clock::time_point> pinged_;
  unsigned ill_ = 0;

  std::atomic<std::uint64_t> memory_{0};
  std::atomic<int> pid_{0};
  MetricTable metrics_;
};

}  // namespace tenon::workers
