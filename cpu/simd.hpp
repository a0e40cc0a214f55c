// Instruction-set dispatch: a function marked SAGA_CLONES is compiled for several x86-64 levels, and the
// loader picks the best one that the processor has. GCC's OpenMP regions do not inherit the clones, so
// parallel regions live in plain functions that call marked kernels.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define SAGA_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SAGA_CLONES
#endif

#include <cstdint>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace saga {

// Bit l is set where value l of 16, aligned ones, is above 0.
static inline __attribute__((always_inline)) uint64_t positive(const float *values) {
#ifdef __SSE2__
    const auto above = [&](int l) { return _mm_castps_si128(_mm_cmpgt_ps(_mm_load_ps(values + l), _mm_setzero_ps())); };
    const __m128i low = _mm_packs_epi32(above(0), above(4)), high = _mm_packs_epi32(above(8), above(12));
    return uint32_t(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
#else
    uint32_t mask = 0;
#pragma omp simd reduction(| : mask)
    for (int l = 0; l < 16; ++l) mask |= uint32_t(values[l] > 0.0f) << l;
    return mask;
#endif
}

}  // namespace saga
