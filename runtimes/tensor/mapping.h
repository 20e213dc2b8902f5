#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "runtimes/tensor/error.h"

namespace tenon::tensor {

// A range of memory that is unmapped when its owner goes. Movable; reading is safe from any thread.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  // The whole file, read only. `what` names it in messages. The caller may close fd afterwards. The
  // file must not be cut short while it is mapped: reading behind its end raises SIGBUS.
  static Result<Mapping> file(int fd, const std::string& what);

  // Opens and maps; a folder, a missing or an unreadable file is said so.
  static Result<Mapping> open(const std::string& path);

  // size bytes of the file, which is grown to that size, shared and writable.
  static Result<Mapping> grow(int fd, std::uint64_t size, const std::string& what);

  // Zeroed private memory.
  static Result<Mapping> anonymous(std::uint64_t size);

  // No more writes from here on.
  Result<void> seal();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // Only for grow() and anonymous() before seal().
  std::span<std::byte> writable() { return {data_, size_}; }

 private:
  Mapping(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tenon::tensor
