// Building the tree of the neighbor searches.
#include "tree.cuh"

#include <algorithm>
#include <cub/cub.cuh>

namespace saga {
namespace {

constexpr int kThreads = 256;
constexpr int kSums = 256;  // blocks that sum up coordinates, at most
constexpr int kBits = 21;   // of a coordinate in a code

// Sums per axis of the coordinates or, given a center, of their distances from it: one of each block.
__global__ void __launch_bounds__(kThreads)
    sum_kernel(int64_t n, const float *__restrict__ xyz, const double *__restrict__ center, double *__restrict__ sums) {
    __shared__ double of_warps[kThreads / kWarp][3];
    double sum[3] = {};
    for (int64_t i = thread_index(); i < n; i += int64_t(gridDim.x) * kThreads) {
        for (int axis = 0; axis < 3; ++axis) {
            const double x = xyz[3 * i + axis];
            sum[axis] += center == nullptr ? x : fabs(x - center[axis]);
        }
    }
    for (int axis = 0; axis < 3; ++axis) {
        sum[axis] = warp_sum(sum[axis]);
        if (lane_id() == 0) of_warps[warp_id()][axis] = sum[axis];
    }
    __syncthreads();
    if (threadIdx.x < 3) {
        double total = 0;
        for (int warp = 0; warp < kThreads / kWarp; ++warp) total += of_warps[warp][threadIdx.x];
        sums[3 * blockIdx.x + threadIdx.x] = total;
    }
}

// Means per axis from the sums of the blocks, an axis a warp.
__global__ void mean_kernel(int64_t n, int64_t blocks, const double *__restrict__ sums, double *__restrict__ mean) {
    double sum = 0;
    for (int64_t block = lane_id(); block < blocks; block += kWarp) sum += sums[3 * block + warp_id()];
    sum = warp_sum(sum);
    if (lane_id() == 0) mean[warp_id()] = sum / double(n);
}

// Puts two zeros before each of 21 bits.
__device__ uint64_t spread_bits(uint64_t bits) {
    bits = (bits | bits << 32) & 0x001f00000000ffffull;
    bits = (bits | bits << 16) & 0x001f0000ff0000ffull;
    bits = (bits | bits << 8) & 0x100f00f00f00f00full;
    bits = (bits | bits << 4) & 0x10c30c30c30c30c3ull;
    return (bits | bits << 2) & 0x1249249249249249ull;
}

// Place on a Hilbert curve (Skilling, "Programming the Hilbert curve", 2004).
__device__ uint64_t hilbert_code(uint32_t (&x)[3]) {
    for (uint32_t bit = 1u << (kBits - 1); bit > 1; bit >>= 1) {
        const uint32_t below = bit - 1;
        for (int axis = 0; axis < 3; ++axis) {
            const bool inverts = (x[axis] & bit) != 0;
            const uint32_t exchanged = inverts ? 0 : (x[0] ^ x[axis]) & below;
            x[0] ^= inverts ? below : exchanged;
            x[axis] ^= exchanged;
        }
    }
    x[1] ^= x[0];
    x[2] ^= x[1];
    uint32_t flips = 0;
    for (uint32_t bit = 1u << (kBits - 1); bit > 1; bit >>= 1) flips ^= (x[2] & bit) != 0 ? bit - 1 : 0;
    return spread_bits(x[0] ^ flips) << 2 | spread_bits(x[1] ^ flips) << 1 | spread_bits(x[2] ^ flips);
}

// Codes of the points. Coordinates are squashed into a unit cube first: the bulk of the points gets half of it on
// each axis however far others lie.
__global__ void __launch_bounds__(kThreads)
    code_kernel(int64_t n, const float *__restrict__ xyz, const double *__restrict__ mean,
                const double *__restrict__ deviation, uint64_t *__restrict__ codes, int32_t *__restrict__ rows) {
    const int64_t i = thread_index();
    if (i >= n) return;
    const double scale = deviation[0] + deviation[1] + deviation[2];
    uint32_t cell[3];
    for (int axis = 0; axis < 3; ++axis) {
        const float x = scale > 0 ? float((xyz[3 * i + axis] - mean[axis]) / scale) : 0.0f;
        const float squashed = 0.5f + 0.5f * x / (1 + fabsf(x));
        cell[axis] = min(uint32_t(squashed * (1u << kBits)), (1u << kBits) - 1);
    }
    codes[i] = hilbert_code(cell);
    rows[i] = int32_t(i);
}

__global__ void __launch_bounds__(kThreads)
    gather_kernel(int64_t n, const float *__restrict__ xyz, const int32_t *__restrict__ rows,
                  float4 *__restrict__ points) {
    const int64_t i = thread_index();
    if (i >= n) return;
    const int64_t row = rows[i];
    points[i] = make_float4(xyz[3 * row], xyz[3 * row + 1], xyz[3 * row + 2], __int_as_float(int32_t(row)));
}

__device__ Box united(const Box &a, const Box &b) {
    return {make_float4(fminf(a.low.x, b.low.x), fminf(a.low.y, b.low.y), fminf(a.low.z, b.low.z), 0),
            make_float4(fmaxf(a.high.x, b.high.x), fmaxf(a.high.y, b.high.y), fmaxf(a.high.z, b.high.z), 0)};
}

__global__ void __launch_bounds__(kThreads) leaf_kernel(const Tree tree) {
    const int64_t leaf = tree.leaves() + thread_index();
    if (leaf >= 2 * int64_t(tree.leaves())) return;
    const Points held = tree.points_of(uint32_t(leaf));
    Box box{tree.points[held.begin], tree.points[held.begin]};
    for (int32_t i = held.begin + 1; i < held.end; ++i) box = united(box, Box{tree.points[i], tree.points[i]});
    tree.boxes[leaf] = box;
}

__global__ void __launch_bounds__(kThreads) level_kernel(int64_t nodes, Box *boxes) {
    const int64_t node = nodes + thread_index();
    if (node < 2 * nodes) boxes[node] = united(boxes[2 * node], boxes[2 * node + 1]);
}

}  // namespace

int plan_tree(int64_t n, int64_t leaf_size, Arena &arena, TreePlan *plan) {
    Tree &tree = plan->tree;
    tree.n = n;
    tree.levels = 0;
    while (ceil_div(n, int64_t(1) << tree.levels) > leaf_size) ++tree.levels;
    tree.points = arena.take<float4>(n);

    Sorting &sorting = plan->sorting;
    Arena scratch = arena;
    sorting.partial_sums = scratch.take<double>(3 * kSums);
    sorting.mean = scratch.take<double>(3);
    sorting.deviation = scratch.take<double>(3);
    for (int side = 0; side < 2; ++side) {
        sorting.codes[side] = scratch.take<uint64_t>(n);
        sorting.rows[side] = scratch.take<int32_t>(n);
    }
    sorting.storage_bytes = 0;
    SAGA_TRY(cub::DeviceRadixSort::SortPairs(nullptr, sorting.storage_bytes, sorting.codes[0], sorting.codes[1],
                                             sorting.rows[0], sorting.rows[1], int(n), 0, 3 * kBits));
    sorting.storage = scratch.take<char>(int64_t(sorting.storage_bytes));
    plan->sorting_end = scratch.size;

    tree.boxes = arena.take<Box>(int64_t(2) << tree.levels);
    return 0;
}

int sort_points(const TreePlan &plan, const float *xyz, void *stream) {
    const int64_t n = plan.tree.n, blocks = ceil_div(n, kThreads), sums = std::min(blocks, int64_t(kSums));
    Sorting sorting = plan.sorting;
    SAGA_TRY(launch(sum_kernel, sums, kThreads, stream, n, xyz, nullptr, sorting.partial_sums));
    SAGA_TRY(launch(mean_kernel, 1, 3 * kWarp, stream, n, sums, sorting.partial_sums, sorting.mean));
    SAGA_TRY(launch(sum_kernel, sums, kThreads, stream, n, xyz, sorting.mean, sorting.partial_sums));
    SAGA_TRY(launch(mean_kernel, 1, 3 * kWarp, stream, n, sums, sorting.partial_sums, sorting.deviation));
    SAGA_TRY(launch(code_kernel, blocks, kThreads, stream, n, xyz, sorting.mean, sorting.deviation, sorting.codes[0],
                    sorting.rows[0]));
    SAGA_TRY(cub::DeviceRadixSort::SortPairs(sorting.storage, sorting.storage_bytes, sorting.codes[0], sorting.codes[1],
                                             sorting.rows[0], sorting.rows[1], int(n), 0, 3 * kBits,
                                             static_cast<cudaStream_t>(stream)));
    SAGA_TRY(launch(gather_kernel, blocks, kThreads, stream, n, xyz, sorting.rows[1], plan.tree.points));
    return 0;
}

int bound_leaves(const Tree &tree, void *stream) {
    SAGA_TRY(launch(leaf_kernel, ceil_div(tree.leaves(), kThreads), kThreads, stream, tree));
    return 0;
}

int bound_nodes(const Tree &tree, void *stream) {
    for (int64_t nodes = tree.leaves() / 2; nodes > 0; nodes /= 2) {
        SAGA_TRY(launch(level_kernel, ceil_div(nodes, kThreads), kThreads, stream, nodes, tree.boxes));
    }
    return 0;
}

}  // namespace saga
