#pragma once

#include <atomic>
#include <thread>

#include "host/workers/feeder.h"
#include "host/workers/ring.h"
#include "host/workers/worker/ring_outlet.h"

namespace tenon::worker {

// Reads the request ring on a thread of its own and feeds the instance: the [instance-serial] role.
class Reader {
 public:
  Reader(workers::RingView ring, workers::Feeder& feeder, RingOutlet& outlet, std::uint64_t spin_ns)
      : ring_(ring), feeder_(feeder), outlet_(outlet), spin_ns_(spin_ns) {}

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  // Returns when the thread has ended.
  void stop();

 private:
  void run();
  bool drain();  // whether there was anything
  void on_request(const workers::Record&);
  void wait();

  workers::RingReader ring_;
  workers::Feeder& feeder_;
  RingOutlet& outlet_;
  std::uint64_t spin_ns_;
  std::uint64_t seen_answers_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace tenon::worker
