// Rows of A at sampled pixels.
#include "pixels.cuh"

namespace {

using namespace saga;

__global__ void __launch_bounds__(kPixelThreads)
    count_kernel(saga_camera camera, Lists lists, const int32_t *__restrict__ pixels, const int64_t *__restrict__ runs,
                 int32_t *__restrict__ counts) {
    for_each_group(runs, [&](int64_t p, int count) {
        int32_t entries = 0;
        walk_pixels(camera, lists, pixels + 2 * p, count, [&](int32_t, float) { ++entries; });
        if (lane_id() < count) counts[p + lane_id()] = entries;
    });
}

__global__ void __launch_bounds__(kPixelThreads)
    fill_kernel(saga_camera camera, Lists lists, const int32_t *__restrict__ pixels, const int64_t *__restrict__ runs,
                const int64_t *__restrict__ starts, int32_t *__restrict__ indices, float *__restrict__ weights) {
    for_each_group(runs, [&](int64_t p, int count) {
        int64_t entry = starts[p + min(lane_id(), count - 1)];
        walk_pixels(camera, lists, pixels + 2 * p, count, [&](int32_t id, float weight) {
            indices[entry] = id;
            weights[entry++] = weight;
        });
    });
}

}  // namespace

extern "C" int saga_rows_count(const saga_camera *camera, const float *splats, const int64_t *tile_offsets,
                               const int32_t *ids, const int32_t *pixels, int64_t r, const int64_t *runs,
                               int32_t *counts, void *stream) {
    const Lists lists{splats, tile_offsets, ids};
    SAGA_TRY(launch(count_kernel, r, kPixelThreads, stream, *camera, lists, pixels, runs, counts));
    return 0;
}

extern "C" int saga_rows_fill(const saga_camera *camera, const float *splats, const int64_t *tile_offsets,
                              const int32_t *ids, const int32_t *pixels, int64_t r, const int64_t *runs,
                              const int64_t *starts, int32_t *indices, float *weights, void *stream) {
    const Lists lists{splats, tile_offsets, ids};
    SAGA_TRY(launch(fill_kernel, r, kPixelThreads, stream, *camera, lists, pixels, runs, starts, indices, weights));
    return 0;
}
