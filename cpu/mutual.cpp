// Which of each point's nearest have the point among theirs.
#include <algorithm>

#include "common.hpp"
#include "host.h"

namespace {

constexpr int64_t kShare = 4096;  // points that a thread takes at a time
constexpr int64_t kAhead = 8;     // points between fetching their neighbors' rows, which may lie anywhere, and looking

// The place of a point in a row of k, or -1.
SAGA_INLINE int32_t find(int32_t k, const int32_t *row, int32_t point) {
    int32_t place = -1;
#pragma omp simd reduction(max : place)
    for (int32_t p = 0; p < k; ++p) place = row[p] == point && p > place ? p : place;
    return place;
}

// Each pair is looked at from its lower point: finding it in the row of the other says where that one has it.
SAGA_CLONES void pair_points(int64_t begin, int64_t end, int64_t n, int32_t k, const int32_t *indices,
                             uint8_t *mutual) {
    for (int64_t i = begin; i < end; ++i) {
        const int32_t *row = indices + i * k;
        for (int32_t p = 0; p < k && i + kAhead < n; ++p)
            __builtin_prefetch(indices + int64_t(row[kAhead * k + p]) * k);
        for (int32_t p = 0; p < k; ++p) {
            if (row[p] == i) mutual[i * k + p] = 1;
            if (row[p] <= i) continue;
            const int64_t other = int64_t(row[p]) * k;
            const int32_t place = find(k, indices + other, int32_t(i));
            if (place >= 0) mutual[i * k + p] = mutual[other + place] = 1;
        }
    }
}

}  // namespace

extern "C" int saga_mutual_neighbors(int64_t n, int64_t k, const int32_t *indices, uint8_t *mutual) {
    std::fill(mutual, mutual + n * k, uint8_t(0));
#pragma omp parallel for schedule(dynamic)
    for (int64_t begin = 0; begin < n; begin += kShare)
        pair_points(begin, std::min(n, begin + kShare), n, int32_t(k), indices, mutual);
    return 0;
}

extern "C" int saga_mutual_lists(int64_t n, int64_t k, const int32_t *indices, const uint8_t *mutual,
                                 const int64_t *places, const int64_t *starts, int32_t *lists) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; ++i) {
        int32_t *list = lists + starts[places[i]];
        for (int64_t p = i * k; p < (i + 1) * k; ++p)
            if (mutual[p]) *list++ = int32_t(places[indices[p]]);
    }
    return 0;
}
