#include "runtimes/tensor/tensor.h"

#include <array>

namespace tenon::tensor {
namespace {

struct Known {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array kKnown = {
    Known{DType::kBool, "BOOL", 1},      Known{DType::kU8, "U8", 1},
    Known{DType::kI8, "I8", 1},          Known{DType::kF8E4M3, "F8_E4M3", 1},
    Known{DType::kF8E5M2, "F8_E5M2", 1}, Known{DType::kU16, "U16", 2},
    Known{DType::kI16, "I16", 2},        Known{DType::kF16, "F16", 2},
    Known{DType::kBF16, "BF16", 2},      Known{DType::kU32, "U32", 4},
    Known{DType::kI32, "I32", 4},        Known{DType::kF32, "F32", 4},
    Known{DType::kU64, "U64", 8},        Known{DType::kI64, "I64", 8},
    Known{DType::kF64, "F64", 8},
};

// The table is in the enum's order.
const Known& known(DType dtype) {
  return kKnown[static_cast<std::size_t>(dtype)];
}

}  // namespace

std::size_t size_of(DType dtype) {
  return known(dtype).size;
}

std::string_view name_of(DType dtype) {
  return known(dtype).name;
}

std::optional<DType> dtype_of(std::string_view name) {
  for (const Known& entry : kKnown) {
    if (entry.name == name) return entry.dtype;
  }
  return std::nullopt;
}

std::string to_string(std::span<const std::uint64_t> shape) {
  std::string text = "[";
  for (const std::uint64_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  return text + "]";
}

}  // namespace tenon::tensor
