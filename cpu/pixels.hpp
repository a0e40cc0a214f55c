// The walk over the Gaussians of a tile for up to 16 of its pixels side by side.
#pragma once

#include <algorithm>

#include "common.hpp"

namespace saga {

constexpr int kLanes = 16;

struct Lanes {
    alignas(64) float x[kLanes], y[kLanes], transmittance[kLanes];
};

// Pixel centers of `count` pixels; the lanes beyond repeat the last pixel, and have ended.
inline Lanes lanes_at(const int32_t *pixels, int count) {
    Lanes lanes;
    for (int l = 0; l < kLanes; ++l) {
        const int32_t *pixel = pixels + 2 * std::min(l, count - 1);
        lanes.x[l] = pixel[0] + 0.5f;
        lanes.y[l] = pixel[1] + 0.5f;
        lanes.transmittance[l] = l < count ? 1.0f : 0.0f;
    }
    return lanes;
}

// Blends a splat into all lanes; returns the sum of what their transmittances are then.
SAGA_INLINE float blend_lanes(const float *splat, Lanes &lanes, float *__restrict weights) {
    const float x = splat[0], y = splat[1], a = splat[2], b = splat[3], c = splat[4], opacity = splat[5];
    float *__restrict transmittance = lanes.transmittance;
    float alive = 0.0f;
#pragma omp simd
    for (int l = 0; l < kLanes; ++l)
        weights[l] = saga_blend(saga_alpha(a, b, c, opacity, lanes.x[l] - x, lanes.y[l] - y), transmittance + l);
#pragma omp simd reduction(+ : alive)
    for (int l = 0; l < kLanes; ++l) alive += transmittance[l];
    return alive;
}

// Tile lists of one view.
struct Lists {
    const saga_camera *camera;
    const float *splats;
    const int64_t *tile_offsets;
    const int32_t *ids;

    const float *splat(int64_t entry) const { return splats + int64_t(ids[entry]) * SAGA_SPLAT; }
    int64_t tile_of(const int32_t *pixel) const {
        return int64_t(pixel[1] / SAGA_TILE) * tile_columns(camera) + pixel[0] / SAGA_TILE;
    }
};

// visit(id, splat, weights) for every Gaussian whose box reaches the lanes, front to back, until all have ended.
template <class Visit>
SAGA_INLINE void walk_lanes(const Lists &lists, int64_t tile, Lanes &lanes, Visit visit) {
    const auto [left, right] = std::minmax_element(lanes.x, lanes.x + kLanes);
    const auto [top, bottom] = std::minmax_element(lanes.y, lanes.y + kLanes);
    const float x0 = *left, x1 = *right, y0 = *top, y1 = *bottom;
    alignas(64) float weights[kLanes];
    for (int64_t k = lists.tile_offsets[tile]; k < lists.tile_offsets[tile + 1]; ++k) {
        const float *splat = lists.splat(k);
        if (splat[0] + splat[6] < x0 || splat[0] - splat[6] > x1 || splat[1] + splat[7] < y0 ||
            splat[1] - splat[7] > y1)
            continue;
        const float alive = blend_lanes(splat, lanes, weights);
        visit(lists.ids[k], splat, weights);
        if (alive == 0.0f) break;
    }
}

// body(first pixel, count) for every group of at most `most` pixels of one tile.
template <int most, class Body>
void for_each_group(int64_t r, const int64_t *runs, Body body) {
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t run = 0; run < r; ++run)
        for (int64_t p = runs[run]; p < runs[run + 1]; p += most)
            body(p, int(std::min<int64_t>(most, runs[run + 1] - p)));
}

}  // namespace saga
