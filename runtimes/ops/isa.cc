#include "runtimes/ops/isa.h"

#include <array>
#include <string>

#include "runtimes/ops/kernels.h"

namespace tenon::ops {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"scalar", "avx2", "avx512"};

}  // namespace

std::string_view name_of(Isa isa) {
  return kNames[static_cast<std::size_t>(isa)];
}

Isa detect_isa() {
  // The built-in also asks whether the system saves the wide registers.
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return Isa::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::kAvx2;
  return Isa::kScalar;
}

tensor::Result<Isa> choose_isa(std::string_view wanted) {
  const Isa best = detect_isa();
  if (wanted.empty()) return best;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (wanted != kNames[i]) continue;
    const Isa isa = static_cast<Isa>(i);
    if (isa <= best) return isa;
    return tensor::fail(tensor::Error::Kind::kUnsupported,
                        "TENON_ISA asks for " + std::string(wanted) +
                            ", but this processor offers up to " + std::string(name_of(best)));
  }
  return tensor::fail(tensor::Error::Kind::kInvalid, "TENON_ISA is \"" + std::string(wanted) +
                                                         "\"; known are scalar, avx2 and avx512");
}

const Kernels& kernels_for(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return avx512::kKernels;
    case Isa::kAvx2:
      return avx2::kKernels;
    case Isa::kScalar:
      break;
  }
  return scalar::kKernels;
}

}  // namespace tenon::ops
