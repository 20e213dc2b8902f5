#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "host/domain/error.h"
#include "host/workers/descriptor.h"
#include "host/workers/replica.h"
#include "host/workers/ring.h"

// The memory that a worker shares with the host: one sealed memfd with a page of state and metric
// values, the request ring and one response ring for each event loop. It has no name, and goes with
// the last process that maps it.
namespace tenon::workers {

inline constexpr std::uint32_t kMaxLoops = 64;
inline constexpr std::uint32_t kMaxMetricCells = 2000;

// Words and numbers that one side sets and the other looks at; the host takes the worker's as
// untrusted numbers.
struct SharedState {
  alignas(64) std::atomic<std::uint32_t> cancel_load;  // the host's: give up loading
  alignas(64) std::atomic<std::uint64_t> host_bytes;   // the worker's: report_memory()
  std::array<std::atomic<std::uint64_t>, kMostLeasedDevices> device_bytes;  // by ordinal
  std::atomic<std::uint32_t> log_level;  // the host's: the lowest level that it keeps
  alignas(64) std::array<std::atomic<std::uint64_t>, kMaxMetricCells> cells;  // bits of doubles
};

struct RegionLayout {
  std::uint32_t loops = 1;
  std::uint64_t request_capacity = 1 << 20;
  std::uint64_t response_capacity = 1 << 18;

  std::uint64_t size() const;
  bool is_valid() const;  // counts and powers of two in their bounds
};

class SharedRegion {
 public:
  // Makes the memory, zeroed; fd() is passed to the worker.
  static Result<SharedRegion> create(const RegionLayout&);
  // Maps what create() made in another process.
  static Result<SharedRegion> map(Descriptor fd, const RegionLayout&);

  SharedRegion(SharedRegion&&) noexcept = default;
  SharedRegion& operator=(SharedRegion&&) = delete;
  ~SharedRegion();

  SharedState& state() const { return *state_; }
  RingView requests() const { return rings_[0]; }
  RingView responses(std::uint32_t loop) const { return rings_[1 + loop]; }
  int fd() const { return fd_.get(); }
  void close_fd() { fd_.reset(); }

 private:
  SharedRegion() = default;
  Result<void> map_all(const RegionLayout&);

  Descriptor fd_;
  std::vector<std::pair<void*, std::uint64_t>> mappings_;
  SharedState* state_ = nullptr;
  std::vector<RingView> rings_;
};

}  // namespace tenon::workers
