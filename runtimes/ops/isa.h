#pragma once

#include <cstdint>
#include <string_view>

#include "runtimes/tensor/error.h"

namespace tenon::ops {

// Instruction sets that the kernels know, in rising order.
enum class Isa : std::uint8_t { kScalar, kAvx2, kAvx512 };

std::string_view name_of(Isa isa);

// The best that this processor and its system offer.
Isa detect_isa();

// `wanted` is scalar, avx2 or avx512 (the value of TENON_ISA); empty means detect_isa(). An unknown
// name, and one that this processor lacks, is an error.
tensor::Result<Isa> choose_isa(std::string_view wanted);

}  // namespace tenon::ops
