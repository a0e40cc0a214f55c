// The walk of a warp over the list of one tile for up to 32 of its pixels, one lane per pixel.
#pragma once

#include "tile.cuh"

namespace saga {

constexpr int kPixelThreads = 128;  // warps that share the pixels of one run

struct Lists {
    const float *splats;
    const int64_t *tile_offsets;
    const int32_t *ids;
};

// emit(id, weight) sees the entries of this lane's row, front to back.
template <class Emit>
__device__ void walk_pixels(const saga_camera &camera, const Lists &lists, const int32_t *pixels, int count,
                            Emit emit) {
    const int mine = min(lane_id(), count - 1);
    const float x = pixels[2 * mine] + 0.5f, y = pixels[2 * mine + 1] + 0.5f;
    const float left = warp_min(x), right = warp_max(x), top = warp_min(y), bottom = warp_max(y);
    const int64_t tile = int64_t(pixels[1] / SAGA_TILE) * tile_columns(camera) + pixels[0] / SAGA_TILE;
    const int64_t end = lists.tile_offsets[tile + 1];
    float transmittance = lane_id() < count ? 1.0f : 0.0f;
    for (int64_t begin = lists.tile_offsets[tile]; begin < end; begin += kWarp) {
        const int64_t k = begin + lane_id();
        const int32_t id = k < end ? lists.ids[k] : 0;
        const bool reached = k < end && reaches(lists.splats + int64_t(id) * SAGA_SPLAT, left, top, right, bottom);
        for (unsigned mask = __ballot_sync(kAllLanes, reached); mask != 0; mask &= mask - 1) {
            const int32_t other = __shfl_sync(kAllLanes, id, __ffs(mask) - 1);
            const float weight =
                saga_blend(splat_alpha(lists.splats + int64_t(other) * SAGA_SPLAT, x, y), &transmittance);
            if (weight > 0.0f) emit(other, weight);
        }
        if (!__any_sync(kAllLanes, transmittance > 0.0f)) break;
    }
}

// body(first pixel, count) for every group of at most 32 pixels of the block's run.
template <class Body>
__device__ void for_each_group(const int64_t *runs, Body body) {
    const int64_t end = runs[blockIdx.x + 1];
    for (int64_t p = runs[blockIdx.x] + warp_id() * kWarp; p < end; p += kPixelThreads)
        body(p, int(min(int64_t(kWarp), end - p)));
}

}  // namespace saga
