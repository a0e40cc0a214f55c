// Rows of A at sampled pixels: up to 16 pixels of one tile are walked side by side.
// Each kernel fusing other products and sums would give render, lift and rows different weights.
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include <algorithm>

#include "common.hpp"

namespace {

constexpr int kLanes = 16;

struct Lanes {
    alignas(64) float x[kLanes], y[kLanes], transmittance[kLanes];
};

SAGA_CLONES float blend_lanes(const float *splat, Lanes &lanes, float *weights) {
    float alive = 0.0f;
#pragma GCC ivdep
    for (int l = 0; l < kLanes; ++l) {
        const float alpha = saga_alpha(splat[2], splat[3], splat[4], splat[5], lanes.x[l] - splat[0], lanes.y[l] - splat[1]);
        weights[l] = saga_blend(alpha, lanes.transmittance + l);
    }
    for (int l = 0; l < kLanes; ++l) alive += lanes.transmittance[l];
    return alive;
}

// emit(lane, id, weight) for every entry of the rows of `count` pixels of one tile, front to back.
template <class Emit>
void walk_pixels(const saga_camera *camera, const float *splats, const int64_t *tile_offsets, const int32_t *ids,
                 const int32_t *pixels, int count, Emit emit) {
    Lanes lanes;
    float left = 1e30f, right = -1e30f, top = 1e30f, bottom = -1e30f;
    for (int l = 0; l < kLanes; ++l) {
        const int32_t *pixel = pixels + 2 * std::min(l, count - 1);
        lanes.x[l] = pixel[0] + 0.5f;
        lanes.y[l] = pixel[1] + 0.5f;
        lanes.transmittance[l] = l < count ? 1.0f : 0.0f;
        left = std::min(left, lanes.x[l]);
        right = std::max(right, lanes.x[l]);
        top = std::min(top, lanes.y[l]);
        bottom = std::max(bottom, lanes.y[l]);
    }
    const int64_t tile = int64_t(pixels[1] / SAGA_TILE) * saga::tile_columns(camera) + pixels[0] / SAGA_TILE;
    alignas(64) float weights[kLanes];
    for (int64_t k = tile_offsets[tile]; k < tile_offsets[tile + 1]; ++k) {
        const float *splat = splats + int64_t(ids[k]) * SAGA_SPLAT;
        if (splat[0] + splat[6] < left || splat[0] - splat[6] > right || splat[1] + splat[7] < top ||
            splat[1] - splat[7] > bottom)
            continue;
        const float alive = blend_lanes(splat, lanes, weights);
        for (int l = 0; l < count; ++l)
            if (weights[l] > 0.0f) emit(l, ids[k], weights[l]);
        if (alive == 0.0f) break;
    }
}

// body(first pixel, count) for every group of at most 16 pixels of one tile.
template <class Body>
void for_each_group(int64_t r, const int64_t *runs, Body body) {
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t run = 0; run < r; ++run)
        for (int64_t p = runs[run]; p < runs[run + 1]; p += kLanes) body(p, int(std::min<int64_t>(kLanes, runs[run + 1] - p)));
}

}  // namespace

extern "C" int saga_rows_count(const saga_camera *camera, const float *splats, const int64_t *tile_offsets,
                               const int32_t *ids, const int32_t *pixels, int64_t r, const int64_t *runs,
                               int32_t *counts, void *) {
    for_each_group(r, runs, [&](int64_t p, int count) {
        std::fill(counts + p, counts + p + count, 0);
        walk_pixels(camera, splats, tile_offsets, ids, pixels + 2 * p, count, [&](int l, int32_t, float) { ++counts[p + l]; });
    });
    return 0;
}

extern "C" int saga_rows_fill(const saga_camera *camera, const float *splats, const int64_t *tile_offsets,
                              const int32_t *ids, const int32_t *pixels, int64_t r, const int64_t *runs,
                              const int64_t *indptr, int32_t *indices, float *weights, void *) {
    for_each_group(r, runs, [&](int64_t p, int count) {
        int64_t cursor[kLanes];
        std::copy(indptr + p, indptr + p + count, cursor);
        walk_pixels(camera, splats, tile_offsets, ids, pixels + 2 * p, count, [&](int l, int32_t id, float weight) {
            indices[cursor[l]] = id;
            weights[cursor[l]++] = weight;
        });
    });
    return 0;
}
