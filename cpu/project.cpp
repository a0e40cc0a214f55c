// Projection. Most Gaussians of a large scene lie beside a view: a look at their centers and greatest scales tells, and
// the rest of them is not read. Those that are left are projected a register at a time.
// Fusing products and sums would make splats depend on the processor.
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include <algorithm>
#include <cmath>

#include "splat_tiles.hpp"

namespace {

constexpr int kLanes = 16;
constexpr int kBlock = 1024;          // Gaussians that are looked at before any of them is projected
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

    explicit Sides(const saga_camera *camera) {
        const float w = camera->width, h = camera->height, cx = camera->cx, cy = camera->cy;
        const float *slopes = camera->slopes;
        const float slope_x = std::max(std::fabs(slopes[0]), std::fabs(slopes[1]));
        const float slope_y = std::max(std::fabs(slopes[2]), std::fabs(slopes[3]));
        left = cx + kBorder, right = w - cx + kBorder, top = cy + kBorder, bottom = h - cy + kBorder;
        reach_x = kDeviations * camera->fx * (1 + slope_x), reach_y = kDeviations * camera->fy * (1 + slope_y);
    }
};

// Sets kept to 1 for those of `count` Gaussians that the image may show.
SAGA_CLONES void look(const saga_camera *camera, const Sides &at, int count, const float *__restrict means,
                      const float *__restrict scales, const float *__restrict opacities, int32_t *__restrict kept) {
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

SAGA_CLONES void project(const saga_camera *camera, Register &lanes) {
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

void load(const Scene &scene, int64_t i, int l, Register &lanes) {
    for (int k = 0; k < 3; ++k) lanes.attributes[k][l] = scene.means[3 * i + k];
    for (int k = 0; k < 4; ++k) lanes.attributes[3 + k][l] = scene.quaternions[4 * i + k];
    for (int k = 0; k < 3; ++k) lanes.attributes[7 + k][l] = scene.scales[3 * i + k];
    lanes.attributes[10][l] = scene.opacities[i];
}

}  // namespace

extern "C" int saga_project(const saga_camera *camera, int64_t n, const float *means, const float *quaternions,
                            const float *scales, const float *opacities, float *splats, float *depths,
                            int32_t *tile_counts, void *) {
    const Scene scene{means, quaternions, scales, opacities};
    const Sides sides(camera);
#pragma omp parallel for schedule(dynamic, 16)
    for (int64_t begin = 0; begin < n; begin += kBlock) {
        const int count = int(std::min<int64_t>(kBlock, n - begin));
        int32_t *counts = tile_counts + begin, places[kBlock + 1], found = 0;
        look(camera, sides, count, means + 3 * begin, scales + 3 * begin, opacities + begin, counts);
        for (int i = 0; i < count; ++i) {
            places[found] = i;
            found += counts[i];
        }
        for (int first = 0; first < found; first += kLanes) {
            Register lanes;
            const int used = std::min(kLanes, found - first);
            for (int l = 0; l < kLanes; ++l) load(scene, begin + places[first + std::min(l, used - 1)], l, lanes);
            project(camera, lanes);
            for (int l = 0; l < used; ++l) {
                const int64_t i = begin + places[first + l];
                float splat[SAGA_SPLAT];
                for (int k = 0; k < SAGA_SPLAT; ++k) splat[k] = lanes.splats[k][l];
                tile_counts[i] = lanes.seen[l] ? saga::count_tiles(camera, splat) : 0;
                if (tile_counts[i] == 0) continue;
                std::copy(splat, splat + SAGA_SPLAT, splats + i * SAGA_SPLAT);
                depths[i] = lanes.depths[l];
            }
        }
    }
    return 0;
}
