#include "tests/bench/fma_roof.h"

#include <chrono>

namespace tenon::bench {
namespace {

// Assembly, so that no compiler can take anything out. Fourteen chains hide a latency of four
// cycles on two ports twice over.
// clang-format off
#define TENON_EACH(OP, R) \
  OP(R, 0) OP(R, 1) OP(R, 2) OP(R, 3) OP(R, 4) OP(R, 5) OP(R, 6) \
  OP(R, 7) OP(R, 8) OP(R, 9) OP(R, 10) OP(R, 11) OP(R, 12) OP(R, 13)
#define TENON_FMA(R, N) "vfmadd231ps %%" R "14, %%" R "15, %%" R #N "\n\t"
#define TENON_ZERO(R, N) "vxorps %%xmm" #N ", %%xmm" #N ", %%xmm" #N "\n\t"
#define TENON_LOOP(R)                                                                      \
  asm volatile(TENON_EACH(TENON_ZERO, R) TENON_ZERO(R, 14) TENON_ZERO(R, 15)               \
               "1:\n\t" TENON_EACH(TENON_FMA, R)                                           \
               "dec %0\n\t"                                                                \
               "jnz 1b\n\t"                                                                \
               "vzeroupper"                                                                \
               : "+r"(rounds) : : "cc",                                                    \
                 "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",   \
                 "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")
// clang-format on

constexpr double kChains = 14;

void wide(long rounds) {
  TENON_LOOP("zmm");
}
void narrow(long rounds) {
  TENON_LOOP("ymm");
}

}  // namespace

double fma_roof(ops::Isa isa, ops::ThreadPool& pool) {
  constexpr long kRounds = 200'000;
  const double lanes = isa == ops::Isa::kAvx512 ? 16 : 8;
  const auto start = std::chrono::steady_clock::now();
  pool.run(pool.threads(),
           [&](std::uint32_t) { isa == ops::Isa::kAvx512 ? wide(kRounds) : narrow(kRounds); });
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  return 2 * lanes * kChains * kRounds * pool.threads() / taken.count() / 1e9;
}

}  // namespace tenon::bench
