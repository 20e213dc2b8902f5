#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tenon/plugin.h"

namespace tenon::validator {

// What a call borrows: each piece ends at a page that nobody may touch, can only be read, and is
// out of reach once the call is over. A plugin that reads past the end, writes, or keeps a pointer
// for later dies at that instruction.
class LentMemory {
 public:
  LentMemory() = default;
  ~LentMemory();
  LentMemory(const LentMemory&) = delete;
  LentMemory& operator=(const LentMemory&) = delete;

  tenon_str text(std::string_view);
  tenon_bytes bytes(std::string_view);
  template <class T>
  const T* array(std::span<const T> values) {
    return static_cast<const T*>(lend(values.data(), values.size_bytes(), alignof(T)));
  }

 private:
  struct Mapping {
    void* base;
    std::size_t size;
  };
  const void* lend(const void* data, std::size_t size, std::size_t alignment);

  std::vector<Mapping> mappings_;
};

}  // namespace tenon::validator
