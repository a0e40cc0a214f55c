// Projection, a register of Gaussians at a time, and the look at centers and greatest scales that goes before it.
// Include it where products and sums are not fused: splats would depend on the processor.
#pragma once

#include <algorithm>
#include <cmath>

#include "common.hpp"

namespace saga {

constexpr int kLanes = 16;
constexpr int kLooked = 1024;         // Gaussians that are looked at before any of them is projected
constexpr float kDeviations = 3.34f;  // at which the most opaque Gaussian falls below an alpha of 1/255, rounded up
constexpr float kBorder = 3.0f;       // px that the dilation and rounding add to that, rounded up
constexpr int kAttributes = 3 + 4 + 3 + 1;

struct Scene {
    const float *means, *quaternions, *scales, *opacities;
};

// What decides whether a Gaussian may reach the image, in camera x, y, z and its greatest standard deviation s: a side
// is the half space focal * x + middle * z + reach * s >= 0, because at depth z a splat is at most
// focal * s * (1 + slope) / z px wide per deviation, slope the largest at which rays are linearized.
struct Sides {
    float left, right, top, bottom, reach_x, reach_y;

    explicit Sides(const saga_camera *camera) : Sides(camera, {0, 0, tile_columns(camera), tile_rows(camera)}) {}

    // Those of a box of tiles.
    Sides(const saga_camera *camera, const saga_tile_box &box) {
        const float x0 = box.x0 * SAGA_TILE, y0 = box.y0 * SAGA_TILE, cx = camera->cx, cy = camera->cy;
        const float x1 = std::min(camera->width, box.x1 * SAGA_TILE), y1 = std::min(camera->height, box.y1 * SAGA_TILE);
        const float *slopes = camera->slopes;
        const float slope_x = std::max(std::fabs(slopes[0]), std::fabs(slopes[1]));
        const float slope_y = std::max(std::fabs(slopes[2]), std::fabs(slopes[3]));
        left = cx - x0 + kBorder, right = x1 - cx + kBorder, top = cy - y0 + kBorder, bottom = y1 - cy + kBorder;
        reach_x = kDeviations * camera->fx * (1 + slope_x), reach_y = kDeviations * camera->fy * (1 + slope_y);
    }
};

// Sets kept to 1 for those of `count` Gaussians that the image may show.
SAGA_CLONES static void look(const saga_camera *camera, const Sides &at, int count, const float *__restrict means,
                             const float *__restrict scales, const float *__restrict opacities,
                             int32_t *__restrict kept) {
    const saga_camera cam = *camera;
    const Sides sides = at;
#pragma omp simd
    for (int i = 0; i < count; ++i) {
        const float mx = means[3 * i], my = means[3 * i + 1], mz = means[3 * i + 2];
        const float x = cam.fx * (cam.view[0] * mx + cam.view[1] * my + cam.view[2] * mz + cam.view[3]);
        const float y = cam.fy * (cam.view[4] * mx + cam.view[5] * my + cam.view[6] * mz + cam.view[7]);
        const float z = cam.view[8] * mx + cam.view[9] * my + cam.view[10] * mz + cam.view[11];
        const float s0 = std::fabs(scales[3 * i]), s1 = std::fabs(scales[3 * i + 1]), s2 = std::fabs(scales[3 * i + 2]);
        const float s01 = s0 > s1 ? s0 : s1, s = s01 > s2 ? s01 : s2;
        int32_t inside = (z >= SAGA_NEAR) & (opacities[i] >= SAGA_ALPHA_MIN);
        inside &= (sides.left * z + sides.reach_x * s + x >= 0.0f) & (sides.right * z + sides.reach_x * s - x >= 0.0f);
        inside &= (sides.top * z + sides.reach_y * s + y >= 0.0f) & (sides.bottom * z + sides.reach_y * s - y >= 0.0f);
        kept[i] = inside;
    }
}

// A register of Gaussians, and of their splats, attribute by attribute.
struct Register {
    alignas(64) float attributes[kAttributes][kLanes], splats[SAGA_SPLAT][kLanes], depths[kLanes];
    alignas(64) int32_t seen[kLanes];
};

SAGA_CLONES static void project(const saga_camera *camera, Register &lanes) {
    const saga_camera cam = *camera;
    float (*__restrict in)[kLanes] = lanes.attributes;
    float (*__restrict out)[kLanes] = lanes.splats;
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
        const float mean[3] = {in[0][l], in[1][l], in[2][l]}, q[4] = {in[3][l], in[4][l], in[5][l], in[6][l]};
        const float scale[3] = {in[7][l], in[8][l], in[9][l]};
        float splat[SAGA_SPLAT], depth;
        lanes.seen[l] = saga_project_one(&cam, mean, q, scale, in[10][l], splat, &depth);
        for (int k = 0; k < SAGA_SPLAT; ++k) out[k][l] = splat[k];
        lanes.depths[l] = depth;
    }
}

inline void load(const Scene &scene, int64_t i, int l, Register &lanes) {
    for (int k = 0; k < 3; ++k) lanes.attributes[k][l] = scene.means[3 * i + k];
    for (int k = 0; k < 4; ++k) lanes.attributes[3 + k][l] = scene.quaternions[4 * i + k];
    for (int k = 0; k < 3; ++k) lanes.attributes[7 + k][l] = scene.scales[3 * i + k];
    lanes.attributes[10][l] = scene.opacities[i];
}

}  // namespace saga
