#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/domain/error.h"
#include "host/workers/descriptor.h"

// Control messages between the host and its processes: a Unix socket pair that keeps the borders of
// messages, descriptors beside the bytes. Nothing of a request passes here.
namespace tenon::workers {

inline constexpr std::size_t kMaxMessageBytes = 128 * 1024;
inline constexpr std::size_t kMaxMessageFds = 80;

struct Packet {
  std::string bytes;
  std::vector<Descriptor> fds;
  int pid = 0;  // the sender's, as the kernel says; 0 when it was not asked
};

class Channel {
 public:
  Channel() = default;
  explicit Channel(Descriptor fd) : fd_(std::move(fd)) {}

  // Both ends; credentials of senders are delivered at the first.
  static Result<std::pair<Channel, Channel>> pair();

  enum class Sent : std::uint8_t { kOk, kFull, kGone };
  // [any] Waits for room only if told to.
  Sent send(std::string_view bytes, std::span<const int> fds = {}, bool wait = false) const;

  enum class Received : std::uint8_t { kPacket, kNothing, kGone };
  // A packet that was cut short counts as kGone: the peer does not keep to the bounds.
  Received receive(Packet&, bool wait) const;

  int fd() const { return fd_.get(); }
  int release() { return fd_.release(); }
  void close() { fd_.reset(); }

 private:
  Descriptor fd_;
};

}  // namespace tenon::workers
