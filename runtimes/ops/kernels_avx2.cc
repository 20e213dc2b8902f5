#include <immintrin.h>

#include "runtimes/ops/kernels.h"

#define TENON_ISA_NAMESPACE avx2

namespace tenon::ops::avx2 {
namespace {

constexpr Isa kIsa = Isa::kAvx2;
constexpr std::size_t kLanes = 8;
constexpr std::size_t kTileRows = 6;
constexpr std::size_t kTileVectors = 2;

using Vec = __m256;

inline __m256i first(std::size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline Vec zero() {
  return _mm256_setzero_ps();
}
inline Vec set(float x) {
  return _mm256_set1_ps(x);
}
inline Vec load(const float* p) {
  return _mm256_loadu_ps(p);
}
inline Vec load_part(const float* p, std::size_t n) {
  return _mm256_maskload_ps(p, first(n));
}
inline void store(float* p, Vec x) {
  _mm256_storeu_ps(p, x);
}
inline void store_part(float* p, Vec x, std::size_t n) {
  _mm256_maskstore_ps(p, first(n), x);
}
inline Vec keep_first(Vec x, std::size_t n) {
  return _mm256_and_ps(x, _mm256_castsi256_ps(first(n)));
}
inline Vec add(Vec a, Vec b) {
  return _mm256_add_ps(a, b);
}
inline Vec sub(Vec a, Vec b) {
  return _mm256_sub_ps(a, b);
}
inline Vec mul(Vec a, Vec b) {
  return _mm256_mul_ps(a, b);
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return _mm256_fmadd_ps(a, b, c);
}
inline Vec min(Vec a, Vec b) {
  return _mm256_min_ps(a, b);
}
inline Vec max(Vec a, Vec b) {
  return _mm256_max_ps(a, b);
}
inline Vec round(Vec x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Vec reciprocal(Vec x) {
  return _mm256_div_ps(set(1.0F), x);
}

// power is whole and within [-126, 127].
inline Vec scale_by_power(Vec x, Vec power) {
  const __m256i exponent =
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(x, _mm256_castsi256_ps(exponent));
}

inline float reduce_add(Vec x) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

inline float reduce_max(Vec x) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

}  // namespace
}  // namespace tenon::ops::avx2

#include "runtimes/ops/kernels_simd.h"
