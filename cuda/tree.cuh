// A tree over points for the neighbor searches: points in the order of a Hilbert curve, halved again and again.
//
// Node 1 is the root and the children of node i are 2 i and 2 i + 1, down to 2^levels leaves. A node at place p of
// level l holds the points from p n / 2^l to (p + 1) n / 2^l, so that it needs neither pointers nor counts, all
// leaves are equally deep and none is empty. Boxes fit the points, so that outliers cost little. Walks need no
// stack: the node's number tells where it came from.
#pragma once

#include <cfloat>

#include "device.cuh"

namespace saga {

struct Box {
    float4 low, high;  // w is not used
};

struct Points {
    int32_t begin, end;
    __device__ int32_t count() const { return end - begin; }
};

struct Tree {
    int64_t n;
    int levels;
    float4 *points;  // [n]: x, y, z, and the bits of the row in the caller's array
    Box *boxes;      // [2^(levels + 1)], the first is not used

    __host__ __device__ uint32_t leaves() const { return 1u << levels; }
    // The node of a level (which may lie one below the leaves) that holds a point.
    __device__ uint32_t node_of(int64_t point, int level) const {
        return (1u << level) + uint32_t((((point + 1) << level) - 1) / n);
    }
    __device__ Points points_of(uint32_t node) const {
        const int level = 31 - __clz(int(node));
        const int64_t place = node - (1u << level);
        return {int32_t((place * n) >> level), int32_t(((place + 1) * n) >> level)};
    }
    __device__ int32_t row(int64_t point) const { return __float_as_int(points[point].w); }
};

// What sorting needs beside the tree's points. The boxes are made later, in the same memory.
struct Sorting {
    double *partial_sums, *mean, *deviation;  // [blocks, 3], [3], [3]
    uint64_t *codes[2];                       // [n]
    int32_t *rows[2];                         // [n]
    void *storage;
    size_t storage_bytes;
};

struct TreePlan {
    Tree tree;
    Sorting sorting;
    int64_t sorting_end;  // of its part of the workspace

    // Bytes of a workspace from which the arena has been handing out.
    int64_t bytes(const Arena &arena) const { return sorting_end > arena.size ? sorting_end : arena.size; }
};

// Lays a tree with at most leaf_size >= 2 points a leaf out in a workspace. Returns an error code, as all below.
int plan_tree(int64_t n, int64_t leaf_size, Arena &arena, TreePlan *plan);
// Fills the tree's points.
int sort_points(const TreePlan &plan, const float *xyz, void *stream);
// Makes the boxes of the leaves.
int bound_leaves(const Tree &tree, void *stream);
// Makes the boxes of all other nodes from those of the leaves.
int bound_nodes(const Tree &tree, void *stream);

// Points of a node merged, as the mean distance sees them.
struct Cell {
    float4 centroid;  // w: root mean square distance from it
    float4 variance;  // of x, y and z; w: number of points
    float4 mixed;     // covariances of y and z, z and x, x and y
};

// Lays a tree with a cell for each of its nodes out.
int plan_cells(int64_t n, Arena &arena, TreePlan *plan, Cell **cells);

// Relative error of the squared distances below, with room to spare.
constexpr float kMargin = 2e-6f;

// Squared distance between the closest points of two boxes, or of a box and a point.
__device__ __forceinline__ float gap2(const Box &a, const Box &b) {
    const float x = fmaxf(fmaxf(a.low.x - b.high.x, b.low.x - a.high.x), 0.0f);
    const float y = fmaxf(fmaxf(a.low.y - b.high.y, b.low.y - a.high.y), 0.0f);
    const float z = fmaxf(fmaxf(a.low.z - b.high.z, b.low.z - a.high.z), 0.0f);
    return x * x + y * y + z * z;
}
__device__ __forceinline__ float gap2(const Box &box, float4 point) { return gap2(box, Box{point, point}); }

// The same of the farthest points.
__device__ __forceinline__ float span2(const Box &a, const Box &b) {
    const float x = fmaxf(a.high.x - b.low.x, b.high.x - a.low.x);
    const float y = fmaxf(a.high.y - b.low.y, b.high.y - a.low.y);
    const float z = fmaxf(a.high.z - b.low.z, b.high.z - a.low.z);
    return x * x + y * y + z * z;
}
__device__ __forceinline__ float span2(const Box &box, float4 point) { return span2(box, Box{point, point}); }

__device__ __forceinline__ float distance2(float4 a, float4 b) {
    const float x = a.x - b.x, y = a.y - b.y, z = a.z - b.z;
    return x * x + y * y + z * z;
}
__device__ __forceinline__ double exact_distance2(float4 a, float4 b) {
    const double x = double(a.x) - b.x, y = double(a.y) - b.y, z = double(a.z) - b.z;
    return x * x + y * y + z * z;
}

// The node after a subtree in depth-first order; 0 after the last.
__device__ __forceinline__ uint32_t after(uint32_t node) {
    if ((node & (node + 1)) == 0) return 0;  // the last of its level
    return (node >> (__ffs(int(~node)) - 1)) + 1;
}

// A place in a depth-first walk that takes the nearer child first. Bit i of `pending`: the sibling of the i-th
// ancestor (0: of the node itself) is still to be visited.
struct Walk {
    uint32_t node = 1, pending = 0;

    // Goes to the nearer of two children that the limit reaches; false when it reaches none.
    __device__ __forceinline__ bool descend(float first, float second, float limit) {
        if (fminf(first, second) > limit) return false;
        node = 2 * node + (second < first);
        pending = 2 * pending + (fmaxf(first, second) <= limit);
        return true;
    }
    // Goes to the next pending node; false when there is none.
    __device__ __forceinline__ bool resume() {
        if (pending == 0) return false;
        const int up = __ffs(int(pending)) - 1;
        node = (node >> up) ^ 1;
        pending = (pending >> up) ^ 1;
        return true;
    }
};

}  // namespace saga
