// Depth of the surface at sampled pixels. Rows are not kept: a warp walks the list of its tile once for the weight of
// the rows, once for their median, and once for the mean about it; each walk finds the same weights.
#include "pixels.cuh"

namespace {

using namespace saga;

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    form_kernel(saga_camera camera, int64_t n, const float *__restrict__ means, const float *__restrict__ quaternions,
                const float *__restrict__ scales, const float *__restrict__ splats, float *__restrict__ forms) {
    const int64_t i = thread_index();
    if (i < n && splats[i * SAGA_SPLAT + 5] > 0.0f)
        saga_ray_form(&camera, means + 3 * i, quaternions + 4 * i, scales + 3 * i, forms + i * SAGA_RAY);
}

__global__ void __launch_bounds__(kPixelThreads)
    surface_kernel(saga_camera camera, Lists lists, const float *__restrict__ forms, const int32_t *__restrict__ pixels,
                   const int64_t *__restrict__ runs, float *__restrict__ depths, float *__restrict__ alphas) {
    for_each_group(runs, [&](int64_t p, int count) {
        const int32_t *mine = pixels + 2 * (p + min(lane_id(), count - 1));
        const float x = mine[0] + 0.5f, y = mine[1] + 0.5f;
        const auto depth_of = [&](int32_t id) {
            const float *splat = lists.splats + int64_t(id) * SAGA_SPLAT;
            return saga_ray_depth(forms + int64_t(id) * SAGA_RAY, x - splat[0], y - splat[1]);
        };
        float alpha = 0.0f, before = 0.0f, median = 0.0f, weight = 0.0f, sum = 0.0f;
        walk_pixels(camera, lists, pixels + 2 * p, count, [&](int32_t, float w) { alpha += w; });
        walk_pixels(camera, lists, pixels + 2 * p, count, [&](int32_t id, float w) {
            // The last entry whose front lies before half of the weight.
            if (before < 0.5f * alpha) median = depth_of(id);
            before += w;
        });
        walk_pixels(camera, lists, pixels + 2 * p, count, [&](int32_t id, float w) {
            // About the median, so that the mean of equal depths is that depth.
            const float offset = depth_of(id) - median;
            if (!(fabsf(offset) <= SAGA_SURFACE_NEAR * median)) return;
            weight += w;
            sum += w * offset;
        });
        if (lane_id() >= count) return;
        depths[p + lane_id()] = alpha >= SAGA_SURFACE_ALPHA ? median + sum / weight : INFINITY;
        alphas[p + lane_id()] = alpha;
    });
}

}  // namespace

extern "C" int64_t saga_surface_workspace(int64_t n) { return n * SAGA_RAY * int64_t(sizeof(float)); }

extern "C" int saga_surface(const saga_camera *camera, int64_t n, const float *means, const float *quaternions,
                            const float *scales, const float *splats, const int64_t *tile_offsets, const int32_t *ids,
                            const int32_t *pixels, int64_t r, const int64_t *runs, float *depths, float *alphas,
                            void *workspace, void *stream) {
    float *forms = static_cast<float *>(workspace);
    const Lists lists{splats, tile_offsets, ids};
    SAGA_TRY(launch(form_kernel, ceil_div(n, kThreads), kThreads, stream, *camera, n, means, quaternions, scales,
                    splats, forms));
    SAGA_TRY(launch(surface_kernel, r, kPixelThreads, stream, *camera, lists, forms, pixels, runs, depths, alphas));
    return 0;
}
