// Depth of the surface at sampled pixels: rows of up to 16 pixels are kept side by side until their median is known.
//
// Each kernel fusing other products and sums would give render, lift, rows and surface different weights.
#pragma GCC optimize("fp-contract=off")

#include <cmath>
#include <memory>

#include "pixels.hpp"

namespace {

using namespace saga;

// The weights and depths of one Gaussian at all lanes.
struct Entry {
    alignas(64) float weights[kLanes], depths[kLanes];
};

// A thread's room for the entries of a tile's list.
class Shelf {
  public:
    Entry *of(int64_t count) {
        if (count > size) entries.reset(new Entry[size = count]);
        return entries.get();
    }

  private:
    std::unique_ptr<Entry[]> entries;
    int64_t size = 0;
};

// Rows of the lanes: entries front to back, and sums of their weights. Returns the number of entries.
SAGA_CLONES int64_t gather(const Lists &lists, const float *forms, int64_t tile, Lanes &lanes, Entry *entries,
                           float *alphas) {
    int64_t count = 0;
    walk_lanes(lists, tile, lanes,
               [&](int32_t id, const float *splat, const float *weights) __attribute__((always_inline)) {
        const float *form = forms + int64_t(id) * SAGA_RAY;
        Entry &entry = entries[count];
        float any = 0.0f;
        for (int l = 0; l < kLanes; ++l) any += weights[l];
        if (any == 0.0f) return;
#pragma omp simd
        for (int l = 0; l < kLanes; ++l) {
            entry.weights[l] = weights[l];
            entry.depths[l] = saga_ray_depth(form, lanes.x[l] - splat[0], lanes.y[l] - splat[1]);
            alphas[l] += weights[l];
        }
        ++count;
    });
    return count;
}

// Mean depth by weight of the entries near the median of each lane.
SAGA_CLONES void near_median(const Entry *entries, int64_t count, const float *alphas, float *means) {
    alignas(64) float before[kLanes] = {}, median[kLanes] = {}, weight[kLanes] = {}, sum[kLanes] = {};
    for (int64_t k = 0; k < count; ++k) {
#pragma omp simd
        for (int l = 0; l < kLanes; ++l) {
            // The last entry whose front lies before half of the weight.
            const bool front = before[l] < 0.5f * alphas[l], has = entries[k].weights[l] > 0.0f;
            median[l] = front & has ? entries[k].depths[l] : median[l];
            before[l] += entries[k].weights[l];
        }
    }
    for (int64_t k = 0; k < count; ++k) {
#pragma omp simd
        for (int l = 0; l < kLanes; ++l) {
            const bool is_near = std::fabs(entries[k].depths[l] - median[l]) <= SAGA_SURFACE_NEAR * median[l];
            const float share = is_near ? entries[k].weights[l] : 0.0f;
            weight[l] += share;
            // About the median, so that the mean of equal depths is that depth.
            sum[l] += share * (entries[k].depths[l] - median[l]);
        }
    }
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) means[l] = median[l] + sum[l] / weight[l];
}

}  // namespace

extern "C" int64_t saga_surface_workspace(int64_t n) { return n * SAGA_RAY * int64_t(sizeof(float)); }

extern "C" int saga_surface(const saga_camera *camera, int64_t n, const float *means, const float *quaternions,
                            const float *scales, const float *splats, const int64_t *tile_offsets, const int32_t *ids,
                            const int32_t *pixels, int64_t r, const int64_t *runs, float *depths, float *alphas,
                            void *workspace, void *) {
    const Lists lists{camera, splats, tile_offsets, ids};
    float *forms = static_cast<float *>(workspace);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; ++i)
        if (splats[i * SAGA_SPLAT + 5] > 0.0f)
            saga_ray_form(camera, means + 3 * i, quaternions + 4 * i, scales + 3 * i, forms + i * SAGA_RAY);
    for_each_group<kLanes>(r, runs, [&](int64_t p, int count) {
        thread_local Shelf shelf;
        const int64_t tile = lists.tile_of(pixels + 2 * p);
        Entry *entries = shelf.of(tile_offsets[tile + 1] - tile_offsets[tile]);
        alignas(64) float sums[kLanes] = {}, mean[kLanes];
        Lanes lanes = lanes_at(pixels + 2 * p, count);
        near_median(entries, gather(lists, forms, tile, lanes, entries, sums), sums, mean);
        for (int l = 0; l < count; ++l) {
            alphas[p + l] = sums[l];
            depths[p + l] = sums[l] >= SAGA_SURFACE_ALPHA ? mean[l] : INFINITY;
        }
    });
    return 0;
}
