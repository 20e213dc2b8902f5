#include "host/workers/shared_region.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

namespace tenon::workers {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kStateBytes = (sizeof(SharedState) + kPage - 1) & ~(kPage - 1);

std::unexpected<Error> os_error(const char* what) {
  return fail(Code::kExhausted, std::string(what) + ": " + std::strerror(errno), true);
}

}  // namespace

std::uint64_t RegionLayout::size() const {
  return kStateBytes + (kPage + request_capacity) + loops * (kPage + response_capacity);
}

bool RegionLayout::is_valid() const {
  const auto fits = [](std::uint64_t capacity) {
    return std::has_single_bit(capacity) && capacity >= kPage && capacity <= 1ULL << 30;
  };
  return loops >= 1 && loops <= kMaxLoops && fits(request_capacity) && fits(response_capacity);
}

Result<SharedRegion> SharedRegion::create(const RegionLayout& layout) {
  SharedRegion region;
  region.fd_.reset(::memfd_create("tenon-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!region.fd_) return os_error("memfd_create");
  if (::ftruncate(region.fd(), static_cast<off_t>(layout.size())) != 0) {
    return os_error("ftruncate of a memfd");
  }
  // A worker that could shrink it would give the host SIGBUS.
  if (::fcntl(region.fd(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return os_error("sealing a memfd");
  }
  if (auto mapped = region.map_all(layout); !mapped) return std::unexpected(mapped.error());
  return region;
}

Result<SharedRegion> SharedRegion::map(Descriptor fd, const RegionLayout& layout) {
  if (!layout.is_valid()) return fail(Code::kInvalid, "the layout of the rings is not valid");
  SharedRegion region;
  region.fd_ = std::move(fd);
  if (auto mapped = region.map_all(layout); !mapped) return std::unexpected(mapped.error());
  return region;
}

SharedRegion::~SharedRegion() {
  for (auto& [address, size] : mappings_) ::munmap(address, size);
}

Result<void> SharedRegion::map_all(const RegionLayout& layout) {
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  void* state = ::mmap(nullptr, kStateBytes, kAccess, MAP_SHARED, fd(), 0);
  if (state == MAP_FAILED) return os_error("mapping the shared state");
  mappings_.emplace_back(state, kStateBytes);
  state_ = static_cast<SharedState*>(state);

  std::uint64_t offset = kStateBytes;
  for (std::uint32_t i = 0; i <= layout.loops; ++i) {
    const std::uint64_t capacity = i == 0 ? layout.request_capacity : layout.response_capacity;
    const std::uint64_t span = kPage + 2 * capacity;
    void* base =
        ::mmap(nullptr, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return os_error("reserving addresses for a ring");
    mappings_.emplace_back(base, span);
    auto* bytes = static_cast<std::byte*>(base);
    const auto at = static_cast<off_t>(offset);
    if (::mmap(bytes, kPage + capacity, kAccess, MAP_SHARED | MAP_FIXED, fd(), at) == MAP_FAILED ||
        ::mmap(bytes + kPage + capacity, capacity, kAccess, MAP_SHARED | MAP_FIXED, fd(),
               at + static_cast<off_t>(kPage)) == MAP_FAILED) {
      return os_error("mapping a ring");
    }
    rings_.push_back({reinterpret_cast<RingHeader*>(bytes), bytes + kPage, capacity});
    offset += kPage + capacity;
  }
  return {};
}

}  // namespace tenon::workers
