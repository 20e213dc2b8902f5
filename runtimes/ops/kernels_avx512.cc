#include <immintrin.h>

#include "runtimes/ops/kernels.h"

#define TENON_ISA_NAMESPACE avx512

namespace tenon::ops::avx512 {
namespace {

constexpr Isa kIsa = Isa::kAvx512;
constexpr std::size_t kLanes = 16;
constexpr std::size_t kTileRows = 6;
constexpr std::size_t kTileVectors = 4;

using Vec = __m512;

inline __mmask16 first(std::size_t n) {
  return static_cast<__mmask16>((1U << n) - 1);
}

inline Vec zero() {
  return _mm512_setzero_ps();
}
inline Vec set(float x) {
  return _mm512_set1_ps(x);
}
inline Vec load(const float* p) {
  return _mm512_loadu_ps(p);
}
inline Vec load_part(const float* p, std::size_t n) {
  return _mm512_maskz_loadu_ps(first(n), p);
}
inline void store(float* p, Vec x) {
  _mm512_storeu_ps(p, x);
}
inline void store_part(float* p, Vec x, std::size_t n) {
  _mm512_mask_storeu_ps(p, first(n), x);
}
inline Vec keep_first(Vec x, std::size_t n) {
  return _mm512_maskz_mov_ps(first(n), x);
}
inline Vec add(Vec a, Vec b) {
  return _mm512_add_ps(a, b);
}
inline Vec sub(Vec a, Vec b) {
  return _mm512_sub_ps(a, b);
}
inline Vec mul(Vec a, Vec b) {
  return _mm512_mul_ps(a, b);
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline Vec min(Vec a, Vec b) {
  return _mm512_min_ps(a, b);
}
inline Vec max(Vec a, Vec b) {
  return _mm512_max_ps(a, b);
}
inline Vec round(Vec x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Vec scale_by_power(Vec x, Vec power) {
  return _mm512_scalef_ps(x, power);
}
inline float reduce_add(Vec x) {
  return _mm512_reduce_add_ps(x);
}
inline float reduce_max(Vec x) {
  return _mm512_reduce_max_ps(x);
}

// One Newton step makes 14 bits 28.
inline Vec reciprocal(Vec x) {
  const Vec guess = _mm512_rcp14_ps(x);
  return _mm512_mul_ps(guess, _mm512_fnmadd_ps(x, guess, set(2.0F)));
}

}  // namespace
}  // namespace tenon::ops::avx512

#include "runtimes/ops/kernels_simd.h"
