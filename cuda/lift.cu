// lift: out = A^T y, tile by tile: the same walk as render, scattering instead of gathering.
#include "fixed.cuh"
#include "mma.cuh"
#include "tile.cuh"

namespace {

using namespace saga;

// Sums of a batch in shared memory, then one float atomic a Gaussian, channel and tile.
struct FloatSums {
    float (*sums)[kWide];
    float *out;

    __device__ void clear() {
        for (int i = threadIdx.x; i < kBatch * kChannels; i += kTileThreads) sums[i / kChannels][i % kChannels] = 0.0f;
    }
    __device__ void add(int k, int64_t, int j, float value) { atomicAdd(&sums[k][j], value); }
    __device__ void store(const int32_t *ids, int count, int64_t c, int64_t first, int channels) {
        for (int i = threadIdx.x; i < count * kChannels; i += kTileThreads) {
            const int k = i / kChannels, j = i % kChannels;
            const float sum = sums[k][j];
            sums[k][j] = 0.0f;
            if (sum != 0.0f && j < channels) atomicAdd(&out[int64_t(ids[k]) * c + first + j], sum);
        }
    }
};

// Sums in fixed point: the order of the atomics does not show.
struct FixedSums {
    unsigned long long *out;
    double scale;
    int64_t c, first;
    int channels;

    __device__ void clear() {}
    __device__ void add(int, int64_t id, int j, float value) {
        if (value != 0.0f && j < channels) fixed_add(&out[id * c + first + j], value, scale);
    }
    __device__ void store(const int32_t *, int, int64_t, int64_t, int) {}
};

struct Source {
    saga_camera camera;
    int64_t c, first;
    int count;
    const float *y;

    __device__ float at(const Patch &patch, int pixel, int channel) const {
        const int64_t index = patch.index(camera, pixel);
        return index >= 0 && channel < count ? y[index * c + first + channel] : 0.0f;
    }
};

// float32: a lane is a channel and holds it of all pixels of the warp.
struct ExactGather {
    float values[kWarp];

    __device__ ExactGather(const Source &source, const Patch &patch) {
#pragma unroll
        for (int p = 0; p < kWarp; ++p) values[p] = source.at(patch, p, lane_id());
    }
    template <class Add>
    __device__ void multiply(const Slots &slots, int taken, Add add) const {
        for (int slot = 0; slot < taken; ++slot) {
            float sum = 0.0f;
#pragma unroll
            for (int p = 0; p < kWarp; ++p) sum += slots.weights[slot][p] * values[p];
            add(slot, lane_id(), sum);
        }
    }
};

// tf32: [16 slots, 32 pixels] x [32 pixels, 32 channels] on the tensor cores, float32 sums.
struct TensorGather {
    uint32_t values[4][4][2];  // 8 pixels, 8 channels, fragment

    __device__ TensorGather(const Source &source, const Patch &patch) {
        const int g = lane_id() / 4, t = lane_id() % 4;
#pragma unroll
        for (int s = 0; s < 4; ++s)
#pragma unroll
            for (int j = 0; j < 4; ++j)
#pragma unroll
                for (int odd = 0; odd < 2; ++odd)
                    values[s][j][odd] = to_tf32(source.at(patch, 8 * s + 2 * t + odd, 8 * j + g));
    }
    template <class Add>
    __device__ void multiply(const Slots &slots, int taken, Add add) const {
        const int g = lane_id() / 4, t = lane_id() % 4;
        float sums[4][4] = {};
#pragma unroll
        for (int s = 0; s < 4; ++s) {
            const int p = 8 * s + 2 * t;
            const uint32_t a[4] = {to_tf32(slots.weights[g][p]), to_tf32(slots.weights[g + 8][p]),
                                   to_tf32(slots.weights[g][p + 1]), to_tf32(slots.weights[g + 8][p + 1])};
#pragma unroll
            for (int j = 0; j < 4; ++j) mma_tf32(sums[j], a, values[s][j]);
        }
        // Rows of slots that are not taken hold what an earlier product left: they are not added.
#pragma unroll
        for (int j = 0; j < 4; ++j)
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int slot = g + i / 2 * 8;
                if (slot < taken) add(slot, 8 * j + 2 * t + i % 2, sums[j][i]);
            }
    }
};

template <class Gather, class Sums>
struct Lift {
    const Source &source;
    const int32_t *ids;
    Slots &slots;
    Gather gather;
    Sums sums;
    int64_t batch = 0;
    int taken = 0;

    __device__ void load(int64_t begin, int) { batch = begin; }
    __device__ void blend(int k, float weight) {
        taken = take_slot(slots, taken, k, weight);
        if (taken == kSlots) finish();
    }
    __device__ void finish() {
        __syncwarp();
        if (taken > 0)
            gather.multiply(slots, taken, [&](int slot, int channel, float value) {
                const int k = slots.gaussians[slot];
                sums.add(k, ids[batch + k], channel, value);
            });
        __syncwarp();
        taken = 0;
    }
    __device__ void store(int64_t begin, int count) {
        sums.store(ids + begin, count, source.c, source.first, source.count);
    }
};

template <class Gather, class Sums>
__device__ void lift_tile(const Source &source, int64_t tile, const float *splats, const int64_t *tile_offsets,
                          const int32_t *ids, Sums sums) {
    __shared__ Slots slots[kTileWarps];
    // Products read all slots, taken or not: none may hold NaN.
    for (int i = threadIdx.x; i < int(sizeof(slots) / sizeof(float)); i += kTileThreads)
        reinterpret_cast<float *>(slots)[i] = 0.0f;
    sums.clear();
    __syncthreads();
    const Patch patch(source.camera, tile);
    Lift<Gather, Sums> visitor{source, ids, slots[warp_id()], Gather(source, patch), sums};
    walk_tile(patch, splats, ids, tile_offsets[tile], tile_offsets[tile + 1], visitor);
}

__device__ Source source_of(const saga_camera &camera, int64_t c, const float *y, int64_t chunk) {
    return {camera, c, chunk * kChannels, int(min(int64_t(kChannels), c - chunk * kChannels)), y};
}

template <class Gather>
__global__ void __launch_bounds__(kTileThreads, 2)
    lift_kernel(saga_camera camera, const float *__restrict__ splats, const int64_t *__restrict__ tile_offsets,
                const int32_t *__restrict__ ids, int64_t c, const float *__restrict__ y, float *__restrict__ out) {
    __shared__ float sums[kBatch][kWide];
    const int64_t chunks = ceil_div(c, kChannels);
    const Source source = source_of(camera, c, y, blockIdx.x % chunks);
    lift_tile<Gather>(source, blockIdx.x / chunks, splats, tile_offsets, ids, FloatSums{sums, out});
}

template <class Gather>
__global__ void __launch_bounds__(kTileThreads, 2)
    lift_fixed_kernel(saga_camera camera, const float *__restrict__ splats, const int64_t *__restrict__ tile_offsets,
                      const int32_t *__restrict__ ids, int64_t c, const float *__restrict__ y, int64_t terms,
                      const unsigned *__restrict__ largest, unsigned long long *__restrict__ out) {
    const int64_t chunks = ceil_div(c, kChannels);
    const Source source = source_of(camera, c, y, blockIdx.x % chunks);
    const FixedSums sums{out, fixed_scale(largest, terms), c, source.first, source.count};
    lift_tile<Gather>(source, blockIdx.x / chunks, splats, tile_offsets, ids, sums);
}

struct LiftWorkspace {
    unsigned *largest;
    unsigned long long *sums;
    int64_t bytes;

    LiftWorkspace(int64_t n, int64_t c, int flags, void *workspace) {
        Arena arena(workspace);
        largest = arena.take<unsigned>(1);
        sums = arena.take<unsigned long long>(flags & SAGA_DETERMINISTIC ? n * c : 0);
        bytes = arena.size;
    }
};

}  // namespace

extern "C" int64_t saga_lift_workspace(const saga_camera *, int64_t n, int64_t c, int flags) {
    return LiftWorkspace(n, c, flags, nullptr).bytes;
}

extern "C" int saga_lift(const saga_camera *camera, int64_t n, const float *splats, const int64_t *tile_offsets,
                         const int32_t *ids, int64_t c, const float *y, float *out, int flags, void *workspace,
                         void *stream) {
    bool tensor = false;
    SAGA_TRY(has_tf32(&tensor));
    tensor = tensor && c > 4 && !(flags & SAGA_EXACT);
    const int64_t tiles = int64_t(tile_columns(*camera)) * tile_rows(*camera), blocks = tiles * ceil_div(c, kChannels);
    const int64_t pixels = int64_t(camera->width) * camera->height;
    const cudaStream_t on = static_cast<cudaStream_t>(stream);
    if (!(flags & SAGA_DETERMINISTIC)) {
        SAGA_TRY(cudaMemsetAsync(out, 0, sizeof(float) * n * c, on));
        SAGA_TRY(launch(tensor ? lift_kernel<TensorGather> : lift_kernel<ExactGather>, blocks, kTileThreads, stream,
                        *camera, splats, tile_offsets, ids, c, y, out));
        return 0;
    }
    const LiftWorkspace work(n, c, flags, workspace);
    SAGA_TRY(cudaMemsetAsync(work.sums, 0, sizeof(unsigned long long) * n * c, on));
    SAGA_TRY(find_largest(pixels * c, y, work.largest, stream));
    SAGA_TRY(launch(tensor ? lift_fixed_kernel<TensorGather> : lift_fixed_kernel<ExactGather>, blocks, kTileThreads,
                    stream, *camera, splats, tile_offsets, ids, c, y, pixels, work.largest, work.sums));
    SAGA_TRY(fixed_to_float(n * c, work.sums, work.largest, pixels, out, stream));
    return 0;
}
