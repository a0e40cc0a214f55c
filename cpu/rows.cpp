// Rows of A at sampled pixels.
// Each kernel fusing other products and sums would give render, lift and rows different weights.
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include "pixels.hpp"

namespace {

using namespace saga;

SAGA_CLONES void count_entries(const Lists &lists, const int32_t *pixels, int count, int32_t *counts) {
    alignas(64) int32_t entries[kLanes] = {};
    Lanes lanes = lanes_at(pixels, count);
    walk_lanes(lists, lists.tile_of(pixels), lanes,
               [&](int32_t, const float *, const float *weights) __attribute__((always_inline)) {
        for (int l = 0; l < kLanes; ++l) entries[l] += weights[l] > 0.0f;
    });
    std::copy(entries, entries + count, counts);
}

SAGA_CLONES void fill_entries(const Lists &lists, const int32_t *pixels, int count, const int64_t *indptr,
                              int32_t *indices, float *values) {
    int64_t cursor[kLanes];
    std::copy(indptr, indptr + count, cursor);
    Lanes lanes = lanes_at(pixels, count);
    walk_lanes(lists, lists.tile_of(pixels), lanes,
               [&](int32_t id, const float *, const float *weights) __attribute__((always_inline)) {
        for (int l = 0; l < count; ++l)
            if (weights[l] > 0.0f) {
                indices[cursor[l]] = id;
                values[cursor[l]++] = weights[l];
            }
    });
}

}  // namespace

extern "C" int saga_rows_count(const saga_camera *camera, const float *splats, const int64_t *tile_offsets,
                               const int32_t *ids, const int32_t *pixels, int64_t r, const int64_t *runs,
                               int32_t *counts, void *) {
    const Lists lists{camera, splats, tile_offsets, ids};
    for_each_group(r, runs, [&](int64_t p, int count) { count_entries(lists, pixels + 2 * p, count, counts + p); });
    return 0;
}

extern "C" int saga_rows_fill(const saga_camera *camera, const float *splats, const int64_t *tile_offsets,
                              const int32_t *ids, const int32_t *pixels, int64_t r, const int64_t *runs,
                              const int64_t *indptr, int32_t *indices, float *weights, void *) {
    const Lists lists{camera, splats, tile_offsets, ids};
    for_each_group(r, runs, [&](int64_t p, int count) {
        fill_entries(lists, pixels + 2 * p, count, indptr + p, indices, weights);
    });
    return 0;
}
