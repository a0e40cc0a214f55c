// Depth-ordered tile lists.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "depth_order.hpp"
#include "openmp.hpp"
#include "splat_tiles.hpp"

namespace {

using namespace saga;

constexpr int kAhead = 32;  // Gaussians between fetching a splat, which may lie anywhere, and looking at it
constexpr int kSkipped = 16;

struct Touch {
    int32_t tile, id;
};

// Lists the visible Gaussians by index with their depths as keys; returns how many there are.
int64_t list_visible(int64_t n, const float *depths, const int32_t *tile_counts, Keyed *order) {
    int64_t visible = 0;
    for (int64_t begin = 0; begin < n; begin += kSkipped) {
        const int64_t end = std::min(begin + kSkipped, n);
        int32_t any = 0;
        for (int64_t i = begin; i < end; ++i) any |= tile_counts[i];
        if (any == 0) continue;
        for (int64_t i = begin; i < end; ++i) {
            uint32_t key;  // depths are positive: their bits sort as they do
            std::memcpy(&key, depths + i, 4);
            order[visible] = {key, int32_t(i)};
            visible += tile_counts[i] > 0;
        }
    }
    return visible;
}

}  // namespace

// The visible Gaussians and a scratch copy of them. A block of Gaussians that cannot end the list may be written beyond it.
extern "C" int64_t saga_bin_workspace(const saga_camera *, int64_t n, int64_t) {
    return 2 * n * int64_t(sizeof(Keyed));
}

extern "C" int saga_bin(const saga_camera *camera, int64_t n, const float *splats, const float *depths,
                        const int32_t *tile_counts, int64_t m, int64_t *tile_offsets, int32_t *ids, void *workspace,
                        void *) {
    Keyed *order = static_cast<Keyed *>(workspace);
    const int64_t visible = list_visible(n, depths, tile_counts, order);
    radix_sort(order, order + visible, visible);

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
            __builtin_prefetch(splats + int64_t(order[std::min(k + kAhead, visible - 1)].id) * SAGA_SPLAT);
            const int32_t id = order[k].id;
            saga::for_each_tile(camera, splats + int64_t(id) * SAGA_SPLAT, begin, end, [&](int64_t tile) {
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
