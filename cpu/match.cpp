// Matching: the largest product of every feature with a set of queries, in one pass over the features.
//
// Features come in blocks of 16 Gaussians, channel by channel, so that 16 products are summed side by side and
// nothing is ever added across a register.
#include <algorithm>

#include "common.hpp"

namespace {

constexpr int kLanes = SAGA_MATCH_BLOCK;
constexpr int64_t kShare = 64;  // blocks a thread takes at a time

// Vector types, because compilers unroll loops over 16 lanes before they think of vectorizing them.
typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Words __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes), aligned(2), may_alias));
typedef float Scores __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

// float16 to float32 by shifting the exponent; exact for finite values, without special instructions.
SAGA_INLINE void widen(const uint16_t *halves, Floats *floats) {
    const Words words = __builtin_convertvector(*(const Halves *)halves, Words);
    const Floats magnitude = (Floats)((words & 0x7fff) << 13) * 5.192296858534828e33f;  // 2^112
    *floats = (Floats)((Words)magnitude | (words & 0x8000) << 16);
}

// Raises best to the products of one block with q queries, q a constant of the caller.
SAGA_INLINE void match_block(const uint16_t *block, int64_t c, int q, const float *queries, Floats *best) {
    Floats feature, sums[4] = {};
    for (int64_t j = 0; j < c; ++j) {
        widen(block + j * kLanes, &feature);
#pragma GCC unroll 4
        for (int k = 0; k < q; ++k) sums[k] += feature * queries[k * c + j];
    }
#pragma GCC unroll 4
    for (int k = 0; k < q; ++k) *best = sums[k] > *best ? sums[k] : *best;
}

SAGA_CLONES void match(int64_t begin, int64_t end, int64_t c, const uint16_t *features, int64_t q, const float *queries,
                       float *scores) {
    for (int64_t b = begin; b < end; ++b) {
        const uint16_t *block = features + b * c * kLanes;
        Floats best = Floats{} - 3.4e38f;
        int64_t k = 0;
        for (; k + 4 <= q; k += 4) match_block(block, c, 4, queries + k * c, &best);
        if (q - k == 3) match_block(block, c, 3, queries + k * c, &best);
        if (q - k == 2) match_block(block, c, 2, queries + k * c, &best);
        if (q - k == 1) match_block(block, c, 1, queries + k * c, &best);
        *(Scores *)(scores + b * kLanes) = best;
    }
}

}  // namespace

extern "C" int saga_match(int64_t blocks, int64_t c, const uint16_t *features, int64_t q, const float *queries,
                          float *scores, void *) {
#pragma omp parallel for schedule(static)
    for (int64_t begin = 0; begin < blocks; begin += kShare)
        match(begin, std::min(blocks, begin + kShare), c, features, q, queries, scores);
    return 0;
}
