#include "host/workers/worker/ring_outlet.h"

#include <unistd.h>

#include <bit>

namespace tenon::worker {

using workers::message::CacheAnswer;
using workers::message::CacheCall;

tenon_code RemoteCache::open(std::string_view name, std::int32_t& fd, std::uint64_t& size) {
  return workers::open_cached(folder_.get(), name, fd, size);
}

tenon_code RemoteCache::call(std::string_view name, const int* fd, Descriptor* answer) {
  const std::lock_guard lock(mutex_);
  const std::span<const int> fds(fd, fd == nullptr ? 0 : 1);
  if (channel_.send(encode(CacheCall{std::string(name)}), fds, true) != Channel::Sent::kOk) {
    return TENON_UNAVAILABLE;
  }
  workers::Packet packet;
  if (channel_.receive(packet, true) != Channel::Received::kPacket) return TENON_UNAVAILABLE;
  const auto decoded = workers::message::decode_cache_answer(packet.bytes);
  if (!decoded) return TENON_UNAVAILABLE;
  if (answer != nullptr && !packet.fds.empty()) *answer = std::move(packet.fds[0]);
  return decoded->code;
}

tenon_code RemoteCache::create(std::string_view name, std::int32_t& fd) {
  Descriptor made;
  const tenon_code code = call(name, nullptr, &made);
  if (code != TENON_OK) return code;
  if (!made) return TENON_UNAVAILABLE;
  fd = made.release();
  return TENON_OK;
}

tenon_code RemoteCache::publish(std::string_view name, std::int32_t fd) {
  return fd < 0 ? TENON_INVALID : call(name, &fd, nullptr);
}

void RingOutlet::attach(workers::SharedRegion& region, std::uint32_t loops,
                        std::vector<Descriptor> bells, std::unique_ptr<workers::Cache> cache) {
  for (std::uint32_t i = 0; i < loops; ++i) {
    ports_.push_back(std::make_unique<Port>(region.responses(i), std::move(bells[i])));
  }
  cache_ = std::move(cache);
}

std::byte* RingOutlet::begin(std::uint32_t loop, workers::ResponseKind kind, std::uint16_t flags,
                             workers::RequestId id, std::size_t payload) {
  if (loop >= ports_.size()) return nullptr;
  Port& port = *ports_[loop];
  port.mutex.lock();
  for (;;) {
    auto* at = port.writer.append(static_cast<std::uint16_t>(kind), flags, id, payload);
    if (at != nullptr) return at;
    // The host always reads on: it waits for no client and for no worker.
    auto& crowded = port.writer.header().crowded;
    crowded.store(1, std::memory_order_seq_cst);
    if (port.writer.has_room(workers::RingWriter::record_bytes(payload))) continue;
    workers::futex_wait(crowded, 1, 1'000'000'000);
  }
}

void RingOutlet::end(std::uint32_t loop) {
  Port& port = *ports_[loop];
  port.writer.publish();
  auto& asleep = port.writer.header().asleep;
  if (asleep.load(std::memory_order_seq_cst) != 0 && asleep.exchange(0) != 0) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(port.bell.get(), &one, sizeof one);
  }
  port.mutex.unlock();
}

void RingOutlet::answered() {
  answers_.fetch_add(1, std::memory_order_seq_cst);
  if (requests_ == nullptr) return;
  // 2: asleep with refused requests in hand.
  std::uint32_t expected = 2;
  if (requests_->asleep.load(std::memory_order_seq_cst) == 2 &&
      requests_->asleep.compare_exchange_strong(expected, 0)) {
    workers::futex_wake(requests_->asleep);
  }
}

void RingOutlet::tell_room(std::uint64_t loops) {
  for (; loops != 0; loops &= loops - 1) {
    const auto loop = static_cast<std::uint32_t>(std::countr_zero(loops));
    if (begin(loop, workers::ResponseKind::kRoom, 0, 0, 0) != nullptr) end(loop);
  }
}

void RingOutlet::send(const workers::message::ToHost& message, bool wait) {
  channel_.send(encode(message), {}, wait);
}

void RingOutlet::log(int level, std::string_view text, workers::RequestId id) {
  send(workers::message::Log{static_cast<std::uint32_t>(level), id,
                             std::string(text.substr(0, 4096))});
}

void RingOutlet::progress(double done, std::string_view what) {
  send(workers::message::Progress{done, std::string(what.substr(0, 64))});
}

void RingOutlet::define_metric(const workers::MetricDefinition& definition) {
  send(workers::message::Metric{definition}, true);
}

void RingOutlet::fault(const Error& error) {
  send(workers::message::Fault{error}, true);
}

}  // namespace tenon::worker
