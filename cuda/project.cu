// Projection and depth-ordered tile lists.
#include <cub/cub.cuh>

#include <algorithm>

#include "device.cuh"

namespace {

constexpr int kThreads = 256;
constexpr int kOwn = 16;  // tiles that a thread tests alone; more are shared by its warp

// Calls emit(lane, tile, rank) for every tile that the splat of a lane touches, rank counting up in the tiles'
// order, and returns how many this lane's splat touches. All lanes of a warp take part; lanes without a visible
// splat pass an empty box.
template <class Emit>
__device__ int for_each_tile(const saga_camera &camera, const float *splat, saga_tile_box box, Emit emit) {
    const int columns = saga::tile_columns(camera), width = box.x1 - box.x0, area = width * (box.y1 - box.y0);
    const float reach = saga_reach(splat[5]);
    int count = 0;
    for (int i = 0; i < area && area <= kOwn; ++i) {
        const int tx = box.x0 + i % width, ty = box.y0 + i / width;
        if (area == 1 || saga_touches_tile(splat, reach, tx, ty)) emit(saga::lane_id(), ty * columns + tx, count++);
    }
    for (unsigned large = __ballot_sync(saga::kAllLanes, area > kOwn); large != 0; large &= large - 1) {
        const int owner = __ffs(large) - 1;
        float other[SAGA_SPLAT];
        for (int k = 0; k < SAGA_SPLAT; ++k) other[k] = __shfl_sync(saga::kAllLanes, splat[k], owner);
        const int x0 = __shfl_sync(saga::kAllLanes, box.x0, owner), y0 = __shfl_sync(saga::kAllLanes, box.y0, owner);
        const int wide = __shfl_sync(saga::kAllLanes, width, owner), all = __shfl_sync(saga::kAllLanes, area, owner);
        int found = 0;
        for (int begin = 0; begin < all; begin += saga::kWarp) {
            const int i = begin + saga::lane_id(), tx = x0 + i % wide, ty = y0 + i / wide;
            const bool touched = i < all && saga_touches_tile(other, saga_reach(other[5]), tx, ty);
            const unsigned hits = __ballot_sync(saga::kAllLanes, touched);
            if (touched) emit(owner, ty * columns + tx, found + __popc(hits & ((1u << saga::lane_id()) - 1)));
            found += __popc(hits);
        }
        if (saga::lane_id() == owner) count = found;
    }
    return count;
}

__global__ void __launch_bounds__(kThreads)
    project_kernel(saga_camera camera, int64_t n, const float *__restrict__ means,
                   const float *__restrict__ quaternions, const float *__restrict__ scales,
                   const float *__restrict__ opacities, float *__restrict__ splats, float *__restrict__ depths,
                   int32_t *__restrict__ tile_counts) {
    const int64_t i = saga::thread_index();
    float splat[SAGA_SPLAT] = {}, depth = 0.0f;
    saga_tile_box box = {0, 0, 0, 0};
    if (i < n &&
        saga_project_one(&camera, means + 3 * i, quaternions + 4 * i, scales + 3 * i, opacities[i], splat, &depth))
        box = saga_tiles_of(&camera, splat);
    const int count = for_each_tile(camera, splat, box, [](int, int, int) {});
    if (i >= n) return;
    tile_counts[i] = count;
    if (count == 0) return;
    float4 *out = reinterpret_cast<float4 *>(splats) + 2 * i;
    out[0] = make_float4(splat[0], splat[1], splat[2], splat[3]);
    out[1] = make_float4(splat[4], splat[5], splat[6], splat[7]);
    depths[i] = depth;
}

// One (tile, depth) key a pair, in the order of Gaussians, which the stable sort keeps among equal keys.
__global__ void __launch_bounds__(kThreads)
    emit_kernel(saga_camera camera, int64_t n, const float *__restrict__ splats, const float *__restrict__ depths,
                const int32_t *__restrict__ tile_counts, const int64_t *__restrict__ firsts, int64_t m,
                uint64_t *__restrict__ keys, int32_t *__restrict__ ids) {
    const int64_t i = saga::thread_index(), warp_first = i - saga::lane_id();
    float splat[SAGA_SPLAT] = {};
    saga_tile_box box = {0, 0, 0, 0};
    if (i < n && tile_counts[i] > 0) {
        for (int k = 0; k < SAGA_SPLAT; ++k) splat[k] = splats[i * SAGA_SPLAT + k];
        box = saga_tiles_of(&camera, splat);
    }
    for_each_tile(camera, splat, box, [&](int owner, int tile, int rank) {
        const int64_t id = warp_first + owner, pair = firsts[id] + rank;
        if (pair >= m) return;
        keys[pair] =
            uint64_t(tile) << 32 | __float_as_uint(depths[id]);  // depths are positive: their bits sort as they do
        ids[pair] = int32_t(id);
    });
}

__global__ void __launch_bounds__(kThreads)
    tile_offsets_kernel(int64_t tiles, int64_t m, const uint64_t *__restrict__ keys,
                        int64_t *__restrict__ tile_offsets) {
    const int64_t pair = saga::thread_index();
    if (pair > m) return;
    const int64_t before = pair == 0 ? -1 : int64_t(keys[pair - 1] >> 32);
    const int64_t here = pair == m ? tiles : int64_t(keys[pair] >> 32);
    for (int64_t tile = before + 1; tile <= here; ++tile) tile_offsets[tile] = pair;
}

struct BinWorkspace {
    int64_t *firsts;
    uint64_t *keys, *sorted_keys;
    int32_t *ids;
    char *temporary;
    size_t temporary_bytes = 0;
    int end_bit = 32;
    int64_t bytes = 0;
    cudaError_t status;

    BinWorkspace(const saga_camera *camera, int64_t n, int64_t m, void *workspace) {
        const int64_t tiles = int64_t(saga::tile_columns(*camera)) * saga::tile_rows(*camera);
        while ((int64_t(1) << (end_bit - 32)) < tiles) ++end_bit;
        saga::Arena arena(workspace);
        firsts = arena.take<int64_t>(n);
        keys = arena.take<uint64_t>(m);
        sorted_keys = arena.take<uint64_t>(m);
        ids = arena.take<int32_t>(m);
        size_t scan = 0;
        status = cub::DeviceScan::ExclusiveSum(nullptr, scan, static_cast<const int32_t *>(nullptr), firsts, n);
        if (status == cudaSuccess) status = sort(temporary_bytes, nullptr, nullptr, m, nullptr);
        temporary_bytes = std::max(scan, temporary_bytes);
        temporary = arena.take<char>(int64_t(temporary_bytes));
        bytes = arena.size;
    }

    cudaError_t sort(size_t &size, void *storage, int32_t *sorted_ids, int64_t m, void *stream) const {
        return cub::DeviceRadixSort::SortPairs(storage, size, static_cast<const uint64_t *>(keys), sorted_keys,
                                               static_cast<const int32_t *>(ids), sorted_ids, m, 0, end_bit,
                                               static_cast<cudaStream_t>(stream));
    }
};

}  // namespace

extern "C" int saga_project(const saga_camera *camera, int64_t n, const float *means, const float *quaternions,
                            const float *scales, const float *opacities, float *splats, float *depths,
                            int32_t *tile_counts, void *stream) {
    SAGA_TRY(saga::launch(project_kernel, saga::ceil_div(n, kThreads), kThreads, stream, *camera, n, means, quaternions,
                          scales, opacities, splats, depths, tile_counts));
    return 0;
}

extern "C" int64_t saga_bin_workspace(const saga_camera *camera, int64_t n, int64_t m) {
    const BinWorkspace workspace(camera, n, m, nullptr);
    return workspace.status == cudaSuccess ? workspace.bytes : -saga::code(workspace.status);
}

extern "C" int saga_bin(const saga_camera *camera, int64_t n, const float *splats, const float *depths,
                        const int32_t *tile_counts, int64_t m, int64_t *tile_offsets, int32_t *ids, void *workspace,
                        void *stream) {
    BinWorkspace work(camera, n, m, workspace);
    SAGA_TRY(work.status);
    SAGA_TRY(cub::DeviceScan::ExclusiveSum(work.temporary, work.temporary_bytes, tile_counts, work.firsts, n,
                                           static_cast<cudaStream_t>(stream)));
    SAGA_TRY(saga::launch(emit_kernel, saga::ceil_div(n, kThreads), kThreads, stream, *camera, n, splats, depths,
                          tile_counts, work.firsts, m, work.keys, work.ids));
    SAGA_TRY(work.sort(work.temporary_bytes, work.temporary, ids, m, stream));
    const int64_t tiles = int64_t(saga::tile_columns(*camera)) * saga::tile_rows(*camera);
    SAGA_TRY(saga::launch(tile_offsets_kernel, saga::ceil_div(m + 1, kThreads), kThreads, stream, tiles, m,
                          work.sorted_keys, tile_offsets));
    return 0;
}
