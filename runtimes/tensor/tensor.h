#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::tensor {

enum class DType : std::uint8_t {
  kBool,
  kU8,
  kI8,
  kF8E4M3,
  kF8E5M2,
  kU16,
  kI16,
  kF16,
  kBF16,
  kU32,
  kI32,
  kF32,
  kU64,
  kI64,
  kF64,
};

std::size_t size_of(DType dtype);
// As safetensors spells them: "F32", "BF16".
std::string_view name_of(DType dtype);
std::optional<DType> dtype_of(std::string_view name);

// A tensor in memory that somebody else owns, row by row without gaps; alignment is not promised.
struct TensorView {
  DType dtype = DType::kF32;
  std::vector<std::uint64_t> shape;
  std::span<const std::byte> bytes;  // exactly what dtype and shape ask for
};

// "[384, 1536]"
std::string to_string(std::span<const std::uint64_t> shape);

}  // namespace tenon::tensor
