#include "sdk/validator/lent_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace tenon::validator {
namespace {

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

LentMemory::~LentMemory() {
  for (const Mapping& m : mappings_) munmap(m.base, m.size);
}

const void* LentMemory::lend(const void* data, std::size_t size, std::size_t alignment) {
  if (size == 0) return nullptr;
  const std::size_t page = page_size();
  const std::size_t room = (size + page - 1) / page * page;
  void* base =
      mmap(nullptr, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) throw std::bad_alloc();
  mappings_.push_back({base, room + page});
  auto* begin = static_cast<unsigned char*>(base) + (room - size) / alignment * alignment;
  std::memcpy(begin, data, size);
  mprotect(base, room, PROT_READ);
  mprotect(static_cast<unsigned char*>(base) + room, page, PROT_NONE);
  return begin;
}

tenon_str LentMemory::text(std::string_view s) {
  return {static_cast<const char*>(lend(s.data(), s.size(), 1)), s.size()};
}

tenon_bytes LentMemory::bytes(std::string_view s) {
  return {static_cast<const std::uint8_t*>(lend(s.data(), s.size(), 1)), s.size()};
}

}  // namespace tenon::validator
