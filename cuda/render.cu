// render: out = A x, tile by tile.
#include "mma.cuh"
#include "tile.cuh"

namespace {

using namespace saga;

constexpr int kFew = 4;  // channels that a lane sums for its own pixel

struct Image {
    saga_camera camera;
    int64_t c;      // channels of x and out
    int64_t first;  // of this block's
    int count;      // at most kChannels
};

// What a block brings to shared memory of every Gaussian of a batch.
template <int Stride>
__device__ void load_values(const Image &image, const float *__restrict__ x, const int32_t *__restrict__ ids,
                            int64_t begin, int count, float (*values)[Stride]) {
    constexpr int columns = Stride == kFew ? kFew : kChannels;
    for (int i = threadIdx.x; i < count * columns; i += kTileThreads) {
        const int k = i / columns, j = i % columns;
        values[k][j] = j < image.count ? x[int64_t(ids[begin + k]) * image.c + image.first + j] : 0.0f;
    }
}

// At most 4 channels: every lane sums for its own pixel.
struct FewChannels {
    const Image &image;
    const float *x;
    const int32_t *ids;
    float (*values)[kFew];
    float sums[kFew] = {};

    __device__ void load(int64_t begin, int count) { load_values<kFew>(image, x, ids, begin, count, values); }
    __device__ void blend(int k, float weight) {
        for (int j = 0; j < kFew; ++j) sums[j] += weight * values[k][j];
    }
    __device__ void finish() {}
    __device__ void store(int64_t, int) {}
    __device__ void write(const Patch &patch, float *out) const {
        const int64_t pixel = patch.index(image.camera, lane_id());
        for (int j = 0; j < kFew; ++j)
            if (pixel >= 0 && j < image.count) out[pixel * image.c + image.first + j] = sums[j];
    }
};

// float32: a lane is a channel and sums all pixels of the warp.
struct ExactProduct {
    const float (*values)[kWide];
    float sums[kWarp] = {};

    __device__ void multiply(const Slots &slots, int taken) {
        for (int slot = 0; slot < taken; ++slot) {
            const float value = values[slots.gaussians[slot]][lane_id()];
#pragma unroll
            for (int p = 0; p < kWarp; ++p) sums[p] += slots.weights[slot][p] * value;
        }
    }
    __device__ void write(const Image &image, const Patch &patch, float *out) const {
#pragma unroll
        for (int p = 0; p < kWarp; ++p) {
            const int64_t pixel = patch.index(image.camera, p);
            if (pixel >= 0 && lane_id() < image.count) out[pixel * image.c + image.first + lane_id()] = sums[p];
        }
    }
};

// tf32: [32 pixels, slots] x [slots, 32 channels] on the tensor cores, float32 sums.
struct TensorProduct {
    const float (*values)[kWide];
    float sums[2][4][4] = {};  // 16 pixels, 8 channels, fragment

    __device__ void multiply(const Slots &slots, int taken) {
        const int g = lane_id() / 4, t = lane_id() % 4;
        for (int s = 0; s < taken; s += 8) {
            const int even = s + 2 * t, odd = even + 1;
            // Slots that are not taken hold the weights of an earlier product: they meet zeros.
            const int k0 = even < taken ? slots.gaussians[even] : -1, k1 = odd < taken ? slots.gaussians[odd] : -1;
            uint32_t a[2][4];
            for (int half = 0; half < 2; ++half) {
                const int p = 16 * half + g;
                a[half][0] = k0 < 0 ? 0u : to_tf32(slots.weights[even][p]);
                a[half][1] = k0 < 0 ? 0u : to_tf32(slots.weights[even][p + 8]);
                a[half][2] = k1 < 0 ? 0u : to_tf32(slots.weights[odd][p]);
                a[half][3] = k1 < 0 ? 0u : to_tf32(slots.weights[odd][p + 8]);
            }
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                const uint32_t b[2] = {k0 < 0 ? 0u : to_tf32(values[k0][8 * j + g]),
                                       k1 < 0 ? 0u : to_tf32(values[k1][8 * j + g])};
                mma_tf32(sums[0][j], a[0], b);
                mma_tf32(sums[1][j], a[1], b);
            }
        }
    }
    __device__ void write(const Image &image, const Patch &patch, float *out) const {
        const int g = lane_id() / 4, t = lane_id() % 4;
#pragma unroll
        for (int half = 0; half < 2; ++half)
#pragma unroll
            for (int row = 0; row < 2; ++row) {
                const int64_t pixel = patch.index(image.camera, 16 * half + 8 * row + g);
                if (pixel < 0) continue;
                float *target = out + pixel * image.c + image.first;
#pragma unroll
                for (int j = 0; j < 4; ++j)
                    for (int odd = 0; odd < 2; ++odd)
                        if (8 * j + 2 * t + odd < image.count)
                            target[8 * j + 2 * t + odd] = sums[half][j][2 * row + odd];
            }
    }
};

template <class Product>
struct ManyChannels {
    const Image &image;
    const float *x;
    const int32_t *ids;
    float (*values)[kWide];
    Slots &slots;
    Product product;
    int taken = 0;

    __device__ void load(int64_t begin, int count) { load_values<kWide>(image, x, ids, begin, count, values); }
    __device__ void blend(int k, float weight) {
        taken = take_slot(slots, taken, k, weight);
        if (taken == kSlots) finish();
    }
    __device__ void finish() {
        __syncwarp();
        product.multiply(slots, taken);
        __syncwarp();
        taken = 0;
    }
    __device__ void store(int64_t, int) {}
};

__device__ Image image_of(const saga_camera &camera, int64_t c, int64_t chunk) {
    return {camera, c, chunk * kChannels, int(min(int64_t(kChannels), c - chunk * kChannels))};
}

template <class Product>
__global__ void __launch_bounds__(kTileThreads, 2)
    render_kernel(saga_camera camera, const float *__restrict__ splats, const int64_t *__restrict__ tile_offsets,
                  const int32_t *__restrict__ ids, int64_t c, const float *__restrict__ x, float *__restrict__ out) {
    __shared__ float values[kBatch][kWide];
    __shared__ Slots slots[kTileWarps];
    const int64_t chunks = ceil_div(c, kChannels), tile = blockIdx.x / chunks;
    const Image image = image_of(camera, c, blockIdx.x % chunks);
    const Patch patch(camera, tile);
    ManyChannels<Product> visitor{image, x, ids, values, slots[warp_id()], Product{values}};
    walk_tile(patch, splats, ids, tile_offsets[tile], tile_offsets[tile + 1], visitor);
    visitor.product.write(image, patch, out);
}

__global__ void __launch_bounds__(kTileThreads)
    render_few_kernel(saga_camera camera, const float *__restrict__ splats, const int64_t *__restrict__ tile_offsets,
                      const int32_t *__restrict__ ids, int64_t c, const float *__restrict__ x,
                      float *__restrict__ out) {
    __shared__ float values[kBatch][kFew];
    const int64_t tile = blockIdx.x;
    const Image image = image_of(camera, c, 0);
    const Patch patch(camera, tile);
    FewChannels visitor{image, x, ids, values};
    walk_tile(patch, splats, ids, tile_offsets[tile], tile_offsets[tile + 1], visitor);
    visitor.write(patch, out);
}

}  // namespace

extern "C" int saga_render(const saga_camera *camera, const float *splats, const int64_t *tile_offsets,
                           const int32_t *ids, int64_t c, const float *x, float *out, int flags, void *stream) {
    bool tf32 = false;
    SAGA_TRY(has_tf32(&tf32));
    const int64_t tiles = int64_t(tile_columns(*camera)) * tile_rows(*camera);
    const auto kernel = c <= kFew                       ? render_few_kernel
                        : tf32 && !(flags & SAGA_EXACT) ? render_kernel<TensorProduct>
                                                        : render_kernel<ExactProduct>;
    SAGA_TRY(launch(kernel, tiles * ceil_div(c, kChannels), kTileThreads, stream, *camera, splats, tile_offsets, ids, c,
                    x, out));
    return 0;
}
