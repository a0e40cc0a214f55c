// Matching: the largest product of every feature with a set of queries, in one pass over the features.
#include <algorithm>
#include <cstring>

#include <omp.h>

#include "common.hpp"

namespace {

constexpr int64_t kBlock = 1024;  // Gaussians a thread takes at a time

// float16 to float32 by shifting the exponent; exact for finite values, without special instructions.
SAGA_INLINE float widen(uint16_t half) {
    union {
        uint32_t i;
        float f;
    } magnitude, result;
    magnitude.i = uint32_t(half & 0x7fff) << 13;
    magnitude.f *= 5.192296858534828e33f;  // 2^112
    result.i = magnitude.i | uint32_t(half & 0x8000) << 16;
    return result.f;
}

SAGA_INLINE void match(int64_t begin, int64_t end, int64_t c, const uint16_t *features, int64_t q,
                       const float *queries, float *scores) {
    alignas(64) float feature[256];
    for (int64_t i = begin; i < end; ++i) {
        const uint16_t *stored = features + i * c;
        for (int64_t j = 0; j < c; ++j) feature[j] = widen(stored[j]);
        float best = -3.4e38f;
        for (int64_t k = 0; k < q; ++k) {
            const float *query = queries + k * c;
            float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
            for (int64_t j = 0; j < c; ++j) dot += feature[j] * query[j];
            best = std::max(best, dot);
        }
        scores[i] = best;
    }
}

SAGA_CLONES void match_32(int64_t begin, int64_t end, int64_t, const uint16_t *features, int64_t q,
                          const float *queries, float *scores) {
    match(begin, end, 32, features, q, queries, scores);
}
SAGA_CLONES void match_any(int64_t begin, int64_t end, int64_t c, const uint16_t *features, int64_t q,
                           const float *queries, float *scores) {
    match(begin, end, c, features, q, queries, scores);
}

}  // namespace

extern "C" int saga_match(int64_t n, int64_t c, const uint16_t *features, int64_t q, const float *queries,
                          float *scores, void *) {
    if (c > 256) return SAGA_ERROR_CHANNELS;
    const auto kernel = c == 32 ? match_32 : match_any;
#pragma omp parallel for schedule(static)
    for (int64_t begin = 0; begin < n; begin += kBlock) kernel(begin, std::min(n, begin + kBlock), c, features, q, queries, scores);
    return 0;
}
