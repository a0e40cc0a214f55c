// The walk that render and lift share: a block of 8 warps walks a 16 x 16 tile front to back.
//
// Each warp owns 8 x 4 pixels, one lane per pixel, and blends only the Gaussians that reach them: 32 lanes test 32
// Gaussians of the batch at once, and the few that pass are blended one after another. The weights of up to 16
// of them gather in shared memory, one slot per Gaussian, until the product with them is made.
#pragma once

#include "device.cuh"

namespace saga {

constexpr int kTileThreads = 256;
constexpr int kTileWarps = kTileThreads / kWarp;
constexpr int kBatch = 64;     // Gaussians in shared memory at a time
constexpr int kSlots = 16;     // Gaussians whose weights are multiplied together
constexpr int kStride = 36;    // of a slot's weights: rows of a matrix fragment then lie in different banks
constexpr int kChannels = 32;  // channels of a block
constexpr int kWide = 40;      // stride of kChannels values of a Gaussian in shared memory

// One float per Gaussian and pixel of a warp, and which Gaussian of the batch each slot holds.
struct Slots {
    float weights[kSlots][kStride];
    int gaussians[kSlots];
};

// The pixels of one warp.
struct Patch {
    int x, y;                        // this lane's pixel
    bool inside;                     // the image
    float left, top, right, bottom;  // pixel centers of the warp inside the image; right < left when there are none

    __device__ Patch(const saga_camera &camera, int64_t tile) {
        const int columns = tile_columns(camera);
        const int x0 = int(tile % columns) * SAGA_TILE + warp_id() % 2 * 8;
        const int y0 = int(tile / columns) * SAGA_TILE + warp_id() / 2 * 4;
        x = pixel_x(x0, lane_id());
        y = pixel_y(y0, lane_id());
        inside = x < camera.width && y < camera.height;
        left = x0 + 0.5f, top = y0 + 0.5f;
        right = min(x0 + 8, camera.width) - 0.5f, bottom = min(y0 + 4, camera.height) - 0.5f;
    }
    __device__ bool empty() const { return right < left || bottom < top; }
    static __device__ int pixel_x(int x0, int pixel) { return x0 + pixel % 8; }
    static __device__ int pixel_y(int y0, int pixel) { return y0 + pixel / 8; }

    // The image's index of any of the warp's pixels, -1 outside.
    __device__ int64_t index(const saga_camera &camera, int pixel) const {
        const int px = pixel_x(int(left), pixel), py = pixel_y(int(top), pixel);
        return px < camera.width && py < camera.height ? int64_t(py) * camera.width + px : -1;
    }
};

// Whether a splat reaches alpha 1/255 on any pixel of a rectangle of pixel centers.
__device__ __forceinline__ bool reaches(const float *splat, float left, float top, float right, float bottom) {
    return saga_min_sigma(splat, left, top, right, bottom) <= saga_reach(splat[5]);
}

__device__ __forceinline__ float splat_alpha(const float *splat, float x, float y) {
    return saga_alpha(splat[2], splat[3], splat[4], splat[5], x - splat[0], y - splat[1]);
}

// Walks the tile's list. The visitor sees
//   load(begin, count)    all threads: a new batch begins; what it writes to shared memory is seen below
//   blend(k, weight)      one warp: Gaussian k of the batch has weights > 0 on some of its pixels
//   finish()              one warp: it has seen the whole batch
//   store(begin, count)   all threads: every warp has seen the batch; no shared memory that load writes may be read
template <class Visitor>
__device__ void walk_tile(const Patch &patch, const float *__restrict__ splats, const int32_t *__restrict__ ids,
                          int64_t begin, int64_t end, Visitor &visitor) {
    __shared__ float batch[kBatch][SAGA_SPLAT];
    float transmittance = patch.inside ? 1.0f : 0.0f;
    bool done = patch.empty();
    const float x = patch.x + 0.5f, y = patch.y + 0.5f;
    for (; begin < end; begin += kBatch) {
        const int count = int(min(int64_t(kBatch), end - begin));
        if (int(threadIdx.x) < 2 * count)
            reinterpret_cast<float4 *>(batch)[threadIdx.x] =
                reinterpret_cast<const float4 *>(splats)[int64_t(ids[begin + threadIdx.x / 2]) * 2 + threadIdx.x % 2];
        visitor.load(begin, count);
        __syncthreads();
        for (int half = 0; half < count && !done; half += kWarp) {
            const int mine = half + lane_id();
            const bool reached = mine < count && reaches(batch[mine], patch.left, patch.top, patch.right, patch.bottom);
            for (unsigned mask = __ballot_sync(kAllLanes, reached); mask != 0; mask &= mask - 1) {
                const int k = half + __ffs(mask) - 1;
                const float weight = saga_blend(splat_alpha(batch[k], x, y), &transmittance);
                if (__any_sync(kAllLanes, weight > 0.0f)) visitor.blend(k, weight);
            }
            done = !__any_sync(kAllLanes, transmittance > 0.0f);
        }
        visitor.finish();
        const bool finished = __syncthreads_and(done);
        visitor.store(begin, count);
        if (finished) break;
    }
}

// Puts a Gaussian into the next slot; returns how many slots are taken.
__device__ __forceinline__ int take_slot(Slots &slots, int taken, int k, float weight) {
    slots.weights[taken][lane_id()] = weight;
    if (lane_id() == 0) slots.gaussians[taken] = k;
    return taken + 1;
}

}  // namespace saga
