// A tile of an image: which of its rows a splat covers, and the weights of a splat there.
// Include it where products and sums are not fused: each kernel that fused others would give other weights.
#pragma once

#include <algorithm>
#include <cmath>

#include "common.hpp"

namespace saga {

constexpr int T = SAGA_TILE;

struct Tile {
    float x0, y0;       // first pixel
    int width, height;  // pixels inside the image
};

inline Tile tile_at(const saga_camera *camera, int64_t tile) {
    const int tx = int(tile % tile_columns(camera)), ty = int(tile / tile_columns(camera));
    return {float(tx * T), float(ty * T), std::min(T, camera->width - tx * T), std::min(T, camera->height - ty * T)};
}

// Rows [top, bottom) of the tile that a splat's bounding box covers.
struct Rows {
    int top, bottom;
};

SAGA_INLINE Rows rows_of(const float *splat, const Tile &tile) {
    const float cy = splat[1] - tile.y0 - 0.5f;
    return {int(std::ceil(std::max(cy - splat[7], 0.0f))),
            int(std::floor(std::min(cy + splat[7], tile.height - 1.0f))) + 1};
}

// Columns of the tile that it covers, a bit for each.
SAGA_INLINE uint32_t columns_of(const float *splat, const Tile &tile) {
    const float cx = splat[0] - tile.x0 - 0.5f;
    const int left = int(std::ceil(std::max(cx - splat[6], 0.0f)));
    const int right = int(std::floor(std::min(cx + splat[6], tile.width - 1.0f))) + 1;
    return left < right ? (1u << right) - (1u << left) : 0;
}

SAGA_INLINE void blend_row(const float *splat, float dx0, float dy, float *__restrict transmittance,
                           float *__restrict weights) {
    const float a = splat[2], b = splat[3], c = splat[4], opacity = splat[5];
#pragma omp simd
    for (int l = 0; l < T; ++l) weights[l] = saga_blend(saga_alpha(a, b, c, opacity, dx0 + l, dy), transmittance + l);
}

SAGA_INLINE bool finished(const float *transmittance) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int p = 0; p < T * T; ++p) sum += transmittance[p];
    return sum == 0.0f;
}

}  // namespace saga
