// Projection and depth-ordered tile lists.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "common.hpp"
#include "openmp.hpp"

namespace {

struct Keyed {
    uint32_t key;
    int32_t id;
};

struct Touch {
    int32_t tile, id;
};

// Stable radix sort by key, three passes of 11 bits; the result ends in `items`.
void radix_sort(Keyed *items, Keyed *scratch, int64_t count) {
    for (int shift = 0; shift < 33; shift += 11) {
        int64_t offsets[2049] = {};
        for (int64_t i = 0; i < count; ++i) ++offsets[((items[i].key >> shift) & 2047) + 1];
        std::partial_sum(offsets, offsets + 2049, offsets);
        for (int64_t i = 0; i < count; ++i) scratch[offsets[(items[i].key >> shift) & 2047]++] = items[i];
        std::swap(items, scratch);
    }
    // An odd number of passes leaves the result in what began as scratch.
    std::copy(items, items + count, scratch);
}

template <class Visit>
void for_each_tile(const saga_camera *camera, const float *splat, int row_begin, int row_end, Visit visit) {
    const saga_tile_box box = saga_tiles_of(camera, splat);
    const int columns = saga::tile_columns(camera);
    const bool single = box.x1 - box.x0 <= 1 && box.y1 - box.y0 <= 1;
    for (int ty = std::max(box.y0, row_begin); ty < std::min(box.y1, row_end); ++ty)
        for (int tx = box.x0; tx < box.x1; ++tx)
            if (single || saga_touches_tile(splat, tx, ty)) visit(int64_t(ty) * columns + tx);
}

// Contiguous, equal share of `count` for one thread.
std::pair<int, int> share(int count, int thread, int threads) {
    return {int(int64_t(count) * thread / threads), int(int64_t(count) * (thread + 1) / threads)};
}

}  // namespace

extern "C" int saga_project(const saga_camera *camera, int64_t n, const float *means, const float *quaternions,
                            const float *scales, const float *opacities, float *splats, float *depths,
                            int32_t *tile_counts, void *) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; ++i) {
        float *splat = splats + i * SAGA_SPLAT;
        int32_t count = 0;
        if (saga_project_one(camera, means + 3 * i, quaternions + 4 * i, scales + 3 * i, opacities[i], splat,
                             depths + i))
            for_each_tile(camera, splat, 0, saga::tile_rows(camera), [&](int64_t) { ++count; });
        tile_counts[i] = count;
        if (count == 0) {
            std::fill(splat, splat + SAGA_SPLAT, 0.0f);
            depths[i] = 0.0f;
        }
    }
    return 0;
}

extern "C" int64_t saga_bin_workspace(const saga_camera *, int64_t n, int64_t) {
    return 2 * n * int64_t(sizeof(Keyed));
}

extern "C" int saga_bin(const saga_camera *camera, int64_t n, const float *splats, const float *depths,
                        const int32_t *tile_counts, int64_t m, int64_t *tile_offsets, int32_t *ids, void *workspace,
                        void *) {
    Keyed *order = static_cast<Keyed *>(workspace);
    int64_t visible = 0;
    for (int64_t i = 0; i < n; ++i) {
        if (tile_counts[i] == 0) continue;
        uint32_t key;  // depths are positive: their bits sort as they do
        std::memcpy(&key, depths + i, 4);
        order[visible++] = {key, int32_t(i)};
    }
    radix_sort(order, order + n, visible);

    const int rows = saga::tile_rows(camera);
    const int64_t tiles = int64_t(rows) * saga::tile_columns(camera);
    std::fill(tile_offsets, tile_offsets + tiles + 1, 0);
    // Each thread owns whole rows of tiles, so that lists keep the depth order without locks. Which tiles a splat
    // touches is found out once, and remembered until their lists begin somewhere.
#pragma omp parallel
    {
        const auto [begin, end] = share(rows, omp_get_thread_num(), omp_get_num_threads());
        std::vector<Touch> touches;
        touches.reserve(m / omp_get_num_threads());
        for (int64_t k = 0; k < visible; ++k) {
            const int32_t id = order[k].id;
            for_each_tile(camera, splats + int64_t(id) * SAGA_SPLAT, begin, end, [&](int64_t tile) {
                touches.push_back({int32_t(tile), id});
                ++tile_offsets[tile + 1];
            });
        }
#pragma omp barrier
#pragma omp single
        std::partial_sum(tile_offsets, tile_offsets + tiles + 1, tile_offsets);
        // tile_offsets[tile] serves as the cursor, and is shifted back below.
        if (tile_offsets[tiles] == m)
            for (const Touch &touch : touches) ids[tile_offsets[touch.tile]++] = touch.id;
    }
    if (tile_offsets[tiles] != m) return SAGA_ERROR_TILE_COUNTS;
    std::memmove(tile_offsets + 1, tile_offsets, tiles * sizeof(int64_t));
    tile_offsets[0] = 0;
    return 0;
}
