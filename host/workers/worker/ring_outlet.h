#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "host/workers/cache_folder.h"
#include "host/workers/channel.h"
#include "host/workers/host_table.h"
#include "host/workers/messages.h"
#include "host/workers/ring.h"
#include "host/workers/shared_region.h"

namespace tenon::worker {

using workers::Channel;
using workers::Descriptor;

// The cache of a worker: opens by itself, lets the host create and publish.
class RemoteCache : public workers::Cache {
 public:
  RemoteCache(Descriptor folder, Channel channel)
      : folder_(std::move(folder)), channel_(std::move(channel)) {}
  tenon_code open(std::string_view name, std::int32_t& fd, std::uint64_t& size) override;
  tenon_code create(std::string_view name, std::int32_t& fd) override;
  tenon_code publish(std::string_view name, std::int32_t fd) override;

 private:
  tenon_code call(std::string_view name, const int* fd, Descriptor* answer);

  Descriptor folder_;
  Channel channel_;
  std::mutex mutex_;  // one question and its answer at a time
};

// The host table's way out of a worker: answers go into the response rings, everything else to the
// control channel.
class RingOutlet : public workers::Outlet {
 public:
  explicit RingOutlet(const Channel& channel) : channel_(channel) {}

  // Before the first request. The region must outlive this.
  void attach(workers::SharedRegion&, std::uint32_t loops, std::vector<Descriptor> bells,
              std::unique_ptr<workers::Cache>);
  void keep_logs_from(std::uint32_t level) { log_level_ = level; }
  std::uint64_t answers() const { return answers_.load(std::memory_order_seq_cst); }
  // Tells the loops in the mask that the request ring has room.
  void tell_room(std::uint64_t loops);
  // Whom answered() wakes: the reader's ring.
  void wake(workers::RingHeader* requests) { requests_ = requests; }
  void send(const workers::message::ToHost&, bool wait = false);

  std::byte* begin(std::uint32_t loop, workers::ResponseKind, std::uint16_t flags,
                   workers::RequestId, std::size_t payload) override;
  void end(std::uint32_t loop) override;
  void answered() override;
  bool keeps_log(int level) override { return static_cast<std::uint32_t>(level) >= log_level_; }
  void log(int level, std::string_view text, workers::RequestId) override;
  void progress(double done, std::string_view what) override;
  void define_metric(const workers::MetricDefinition&) override;
  void fault(const Error&) override;
  workers::Cache* cache() override { return cache_.get(); }

 private:
  struct Port {
    Port(workers::RingView ring, Descriptor fd) : writer(ring), bell(std::move(fd)) {}
    std::mutex mutex;
    workers::RingWriter writer;
    Descriptor bell;  // an eventfd that the loop listens to
  };

  const Channel& channel_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::unique_ptr<workers::Cache> cache_;
  workers::RingHeader* requests_ = nullptr;
  std::atomic<std::uint64_t> answers_{0};
  std::uint32_t log_level_ = 0;
};

}  // namespace tenon::worker
