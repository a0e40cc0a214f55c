// Matching: the largest product of every feature with a set of queries, in one pass over the features.
//
// Features come in blocks of 16 Gaussians, channel by channel, so that 16 products are summed side by side and
// nothing is ever added across a register.
#include <algorithm>

#include "common.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define SAGA_MATCH_LEVELS
#include <immintrin.h>
#endif

namespace {

constexpr int kLanes = SAGA_MATCH_BLOCK;
constexpr int kQueries = 8;  // multiplied with a feature while it is in registers
constexpr int kAhead =
    4096;  // float16 between fetching features, in a stream too short for the processor, and reading them
constexpr int64_t kShare = 64;  // blocks a thread takes at a time

// Vector types, because compilers unroll loops over 16 lanes before they think of vectorizing them.
typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Words __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes), aligned(2), may_alias));
typedef float Scores __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));

struct Job {
    const uint16_t *features;
    int64_t c, q;
    const float *queries;
    float *scores;
};

// The same kernel for each level of instructions, as SAGA_CLONES would make them: but these widen float16 each in its way.
#ifdef SAGA_MATCH_LEVELS
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
namespace v4 {
SAGA_INLINE void widen(const uint16_t *halves, Floats *floats) {
    *floats = (Floats)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)halves));
}
#include "match_kernel.hpp"
}  // namespace v4
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
namespace v3 {
SAGA_INLINE void widen(const uint16_t *halves, Floats *floats) {
    __m256 *parts = (__m256 *)floats;
    parts[0] = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves));
    parts[1] = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves + 1));
}
#include "match_kernel.hpp"
}  // namespace v3
#pragma GCC pop_options
#endif

namespace plain {
// By shifting the exponent; exact for finite values, without special instructions.
SAGA_INLINE void widen(const uint16_t *halves, Floats *floats) {
    const Words words = __builtin_convertvector(*(const Halves *)halves, Words);
    const Floats magnitude = (Floats)((words & 0x7fff) << 13) * 5.192296858534828e33f;  // 2^112
    *floats = (Floats)((Words)magnitude | (words & 0x8000) << 16);
}
#include "match_kernel.hpp"
}  // namespace plain

using Match = void (*)(const Job &, int64_t, int64_t);

Match kernel() {
#ifdef SAGA_MATCH_LEVELS
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"))
        return v4::match;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") &&
        __builtin_cpu_supports("f16c"))
        return v3::match;
#endif
    return plain::match;
}

}  // namespace

extern "C" int saga_match(int64_t blocks, int64_t c, const uint16_t *features, int64_t q, const float *queries,
                          float *scores, void *) {
    const Job job{features, c, q, queries, scores};
    static const Match match = kernel();
#pragma omp parallel for schedule(static)
    for (int64_t begin = 0; begin < blocks; begin += kShare) match(job, begin, std::min(blocks, begin + kShare));
    return 0;
}
