// Exact neighbor searches of the post-processing steps: nearest neighbors, ball query, region growing. Walks
// compare in single precision with a margin; what falls within it is decided in double precision.
#include <algorithm>

#include "tree.cuh"

namespace saga {
namespace {

constexpr int kThreads = 256;
constexpr int kLeafSize = 8;
constexpr int kGrowthLeafSize = 2;
constexpr int64_t kMostGrowthBlocks = 8192;  // of warps that take one clique after another
constexpr double kNoLimit = 1e38;            // no squared distance is as large
constexpr double kTiny = 1e-30;              // squares below may have lost digits to underflow

// Which distances are within a radius, as double precision has it.
struct Reach {
    double radius2;
    float surely2, hardly2;  // squares up to this are within, above this are not

    explicit Reach(double radius) : radius2(std::min(radius * radius, kNoLimit)) {
        surely2 = radius2 < kTiny ? -1.0f : float(radius2 * (1 - kMargin));
        hardly2 = float(radius2 * (1 + kMargin)) + FLT_MIN;
    }
    __device__ bool holds(float4 a, float4 b) const {
        const float fast2 = distance2(a, b);
        return fast2 <= surely2 || (fast2 <= hardly2 && exact_distance2(a, b) <= radius2);
    }
};

// ---- Nearest neighbors ----

// Shows a search all leaves that may hold something nearer, its own first.
template <class Search>
__device__ __forceinline__ void search_around(const Tree &tree, int64_t point, Search &search) {
    const uint32_t own = tree.node_of(point, tree.levels);
    search.compare(tree, own);
    Walk walk;
    for (bool more = search.limit >= 0; more;) {
        if (walk.node >= tree.leaves()) {
            if (walk.node != own) search.compare(tree, walk.node);
        } else if (walk.descend(gap2(tree.boxes[2 * walk.node], search.point),
                                gap2(tree.boxes[2 * walk.node + 1], search.point), search.limit)) {
            continue;
        }
        do {
            more = walk.resume();
        } while (more && (gap2(tree.boxes[walk.node], search.point) > search.limit || search.skips(tree, walk.node)));
    }
}

struct Nearest {
    float4 point;
    int64_t self;
    double distance2 = INFINITY;  // of the nearest so far
    float limit = INFINITY;       // squares above are no nearer

    __device__ bool skips(const Tree &, uint32_t) const { return false; }
    __device__ void compare(const Tree &tree, uint32_t leaf) {
        const Points held = tree.points_of(leaf);
        for (int32_t i = held.begin; i < held.end; ++i) {
            const float4 other = tree.points[i];
            if (i == self || saga::distance2(point, other) > limit) continue;
            const double exact2 = exact_distance2(point, other);
            if (exact2 >= distance2) continue;
            distance2 = exact2;
            limit = exact2 == 0 ? -1.0f : float(exact2) * (1 + kMargin) + FLT_MIN;
        }
    }
};

__global__ void __launch_bounds__(kThreads) nearest_kernel(const Tree tree, float *__restrict__ distances) {
    const int64_t i = thread_index();
    if (i >= tree.n) return;
    Nearest nearest{tree.points[i], i};
    search_around(tree, i, nearest);
    distances[tree.row(i)] = float(sqrt(nearest.distance2));
}

// The nearest others of a point, sorted by distance and row.
class Neighbors {
  public:
    // The arrays have room for those wanted. They are the caller's, so that all else can be in registers.
    __device__ Neighbors(const Tree &tree, int64_t self, int wanted, double *distances2, int32_t *places)
        : point(tree.points[self]), limit(wanted > 0 ? INFINITY : -1.0f), self(self), wanted(wanted),
          end(int32_t(tree.n)), distances2(distances2), places(places) {}

    const float4 point;
    float limit;  // squares above are no nearer

    __device__ bool skips(const Tree &tree, uint32_t node) const {
        return end < tree.n && tree.points_of(node).begin >= end;
    }
    __device__ void compare(const Tree &tree, uint32_t leaf) {
        const Points held = tree.points_of(leaf);
        for (int32_t i = held.begin; i < held.end; ++i) {
            const float4 other = tree.points[i];
            if (i == self || saga::distance2(point, other) > limit) continue;
            insert(tree, exact_distance2(point, other), i);
        }
    }

  private:
    __device__ bool precedes(const Tree &tree, double distance2, int32_t place, int other) const {
        if (distance2 != distances2[other]) return distance2 < distances2[other];
        return tree.row(place) < tree.row(places[other]);
    }
    __device__ void insert(const Tree &tree, double distance2, int32_t place) {
        if (count == wanted && !precedes(tree, distance2, place, wanted - 1)) return;
        int at = count < wanted ? count++ : wanted - 1;
        for (; at > 0 && precedes(tree, distance2, place, at - 1); --at) {
            distances2[at] = distances2[at - 1];
            places[at] = places[at - 1];
        }
        distances2[at] = distance2;
        places[at] = place;
        if (count < wanted) return;
        limit = float(distances2[wanted - 1]) * (1 + kMargin) + FLT_MIN;
        // Points at one place have one code and lie in the order of their rows, because sorting is stable.
        if (distances2[wanted - 1] == 0) end = places[wanted - 1];
    }

    const int64_t self;
    const int wanted;
    int count = 0;  // of those found so far
    int32_t end;    // points from here on are no nearer
    double *const distances2;
    int32_t *const places;
};

__global__ void __launch_bounds__(kThreads) neighbors_kernel(const Tree tree, int k, int32_t *__restrict__ indices) {
    const int64_t i = thread_index();
    if (i >= tree.n) return;
    double distances2[SAGA_MOST_NEIGHBORS - 1];
    int32_t places[SAGA_MOST_NEIGHBORS - 1];
    Neighbors neighbors(tree, i, k - 1, distances2, places);
    search_around(tree, i, neighbors);
    int32_t *const row = indices + tree.row(i) * int64_t(k);
    row[0] = tree.row(i);
    for (int j = 0; j < k - 1; ++j) row[1 + j] = tree.row(places[j]);
}

// ---- Ball query ----

// Whether a subtree has a point within reach.
__device__ bool any_within(const Tree &tree, uint32_t root, float4 point, const Reach &reach) {
    Walk walk{root};
    for (bool more = true; more;) {
        if (walk.node >= tree.leaves()) {
            const Points held = tree.points_of(walk.node);
            for (int32_t i = held.begin; i < held.end; ++i) {
                if (reach.holds(point, tree.points[i])) return true;
            }
        } else {
            const Box first = tree.boxes[2 * walk.node], second = tree.boxes[2 * walk.node + 1];
            if (fminf(span2(first, point), span2(second, point)) <= reach.surely2) return true;
            if (walk.descend(gap2(first, point), gap2(second, point), reach.hardly2)) continue;
        }
        more = walk.resume();
    }
    return false;
}

__global__ void __launch_bounds__(kThreads) within_kernel(const Tree tree, int64_t q, const float *__restrict__ queries,
                                                          const Reach reach, uint8_t *__restrict__ within) {
    const int64_t i = thread_index();
    if (i >= q || within[i] != 0) return;
    const float4 query = make_float4(queries[3 * i], queries[3 * i + 1], queries[3 * i + 2], 0);
    const Box all = tree.boxes[1];
    if (gap2(all, query) > reach.hardly2) return;
    if (span2(all, query) <= reach.surely2 || any_within(tree, 1, query, reach)) within[i] = 1;
}

// ---- Region growing ----

// The points fall into cliques, the largest nodes whose points are all within the radius of each other: one reached
// point reaches them all. Cliques within reach of each other are united, each set of them under its first point.
class Growth {
  public:
    Growth(const Tree &tree, const Reach &reach, int32_t *parents, uint32_t *cliques, uint32_t *count, uint8_t *reached)
        : tree(tree), reach(reach), parents(parents), cliques(cliques), count(count), reached(reached) {}

    const Tree tree;
    const Reach reach;
    int32_t *const parents;   // [n] of sets of points, as trees: a root is its own, others come after theirs
    uint32_t *const cliques;  // [n] nodes
    uint32_t *const count;    // of cliques
    uint8_t *const reached;   // [n]: whether the set of a root has a seed

    // A node's box; nodes below the leaves hold a point or none.
    __device__ Box box(uint32_t node) const {
        if (node < 2 * int64_t(tree.leaves())) return tree.boxes[node];
        const Points held = tree.points_of(node);
        if (held.count() > 0) return {tree.points[held.begin], tree.points[held.begin]};
        return {make_float4(INFINITY, INFINITY, INFINITY, 0), make_float4(-INFINITY, -INFINITY, -INFINITY, 0)};
    }
    __device__ bool is_clique(const Box &box) const {
        return span2(box, box) <= reach.surely2 ||
               (box.low.x == box.high.x && box.low.y == box.high.y && box.low.z == box.high.z);
    }
    // The root of a point's set, which others may be uniting with another at the same time. Makes the way shorter.
    __device__ int32_t find(int32_t point) const {
        volatile int32_t *const shared_parents = parents;
        for (;;) {
            const int32_t parent = shared_parents[point];
            if (parent == point) return point;
            const int32_t next = shared_parents[parent];
            if (next != parent) shared_parents[point] = next;
            point = parent;
        }
    }
    __device__ void unite(int32_t a, int32_t b) const {
        for (;;) {
            a = find(a), b = find(b);
            if (a == b) return;
            const int32_t first = min(a, b), second = max(a, b);
            if (atomicCAS(&parents[second], second, first) == second) return;
        }
    }
    // Whether any point of a node is within reach of any of another. All lanes of a warp ask together.
    __device__ bool adjacent(Points points, const Box &a, uint32_t other, const Box &b) const {
        if (span2(a, b) <= reach.surely2) return true;
        for (int32_t begin = points.begin; begin < points.end; begin += kWarp) {
            const int32_t i = begin + lane_id();
            const bool mine = i < points.end && gap2(b, tree.points[i]) <= reach.hardly2 &&
                              any_within(tree, other, tree.points[i], reach);
            if (__any_sync(kAllLanes, mine)) return true;
        }
        return false;
    }
};

__global__ void __launch_bounds__(kThreads) clique_kernel(const Growth growth) {
    const int64_t i = thread_index();
    const Tree &tree = growth.tree;
    if (i >= tree.n) return;
    uint32_t node = tree.node_of(i, tree.levels + 1);
    while (node > 1 && growth.is_clique(tree.boxes[node / 2])) node /= 2;
    const int32_t first = tree.points_of(node).begin;
    growth.parents[i] = first;
    growth.reached[i] = 0;
    if (i == first) growth.cliques[atomicAdd(growth.count, 1u)] = node;
}

// A warp a clique: unites it with those after it within reach. (Those before find it.)
__global__ void __launch_bounds__(kThreads) unite_kernel(const Growth growth) {
    const Tree &tree = growth.tree;
    const int64_t warps = int64_t(gridDim.x) * (kThreads / kWarp), cliques = *growth.count;
    for (int64_t c = thread_index() / kWarp; c < cliques; c += warps) {
        const uint32_t clique = growth.cliques[c];
        const Points points = tree.points_of(clique);
        const Box box = growth.box(clique);
        for (uint32_t node = after(clique); node != 0;) {
            const Box other = growth.box(node);
            const bool near = gap2(box, other) <= growth.reach.hardly2;
            if (near && node < 2 * int64_t(tree.leaves()) && !growth.is_clique(other)) {
                node *= 2;
                continue;
            }
            if (near) {
                const int32_t first = tree.points_of(node).begin;
                int apart = 0;  // one lane's word counts: others are changing the sets
                if (lane_id() == 0) apart = growth.find(points.begin) != growth.find(first);
                apart = __shfl_sync(kAllLanes, apart, 0);
                if (apart && growth.adjacent(points, box, node, other) && lane_id() == 0) {
                    growth.unite(points.begin, first);
                }
            }
            node = after(node);
        }
    }
}

__global__ void __launch_bounds__(kThreads) plant_kernel(const Growth growth, const uint8_t *__restrict__ region) {
    const int64_t i = thread_index();
    if (i < growth.tree.n && region[growth.tree.row(i)] != 0) growth.reached[growth.find(int32_t(i))] = 1;
}

__global__ void __launch_bounds__(kThreads) spread_kernel(const Growth growth, uint8_t *__restrict__ region) {
    const int64_t i = thread_index();
    if (i < growth.tree.n && growth.reached[growth.find(int32_t(i))] != 0) region[growth.tree.row(i)] = 1;
}

struct GrowthPlan {
    TreePlan tree;
    int32_t *parents;
    uint32_t *cliques, *count;
    uint8_t *reached;
};

int plan_growth(int64_t n, Arena &arena, GrowthPlan *plan) {
    const int status = plan_tree(n, kGrowthLeafSize, arena, &plan->tree);
    plan->parents = arena.take<int32_t>(n);
    plan->cliques = arena.take<uint32_t>(n);
    plan->count = arena.take<uint32_t>(1);
    plan->reached = arena.take<uint8_t>(n);
    return status;
}

// Builds a tree, boxes and all.
int build(const TreePlan &plan, const float *xyz, void *stream) {
    int status = sort_points(plan, xyz, stream);
    if (status == 0) status = bound_leaves(plan.tree, stream);
    return status == 0 ? bound_nodes(plan.tree, stream) : status;
}

}  // namespace
}  // namespace saga

using namespace saga;

extern "C" int64_t saga_neighbors_workspace(int64_t n) {
    if (n == 0) return 0;
    Arena for_search(nullptr), for_growth(nullptr), for_cells(nullptr);
    TreePlan search, mean;
    GrowthPlan growth;
    Cell *cells;
    int status = plan_tree(n, kLeafSize, for_search, &search);
    if (status == 0) status = plan_growth(n, for_growth, &growth);
    if (status == 0) status = plan_cells(n, for_cells, &mean, &cells);
    if (status != 0) return -status;
    return std::max({search.bytes(for_search), growth.tree.bytes(for_growth), mean.bytes(for_cells)});
}

extern "C" int saga_nearest_distance(int64_t n, const float *points, float *distances, void *workspace, void *stream) {
    if (n == 0) return 0;
    Arena arena(workspace);
    TreePlan plan;
    int status = plan_tree(n, kLeafSize, arena, &plan);
    if (status == 0) status = build(plan, points, stream);
    if (status != 0) return status;
    SAGA_TRY(launch(nearest_kernel, ceil_div(n, kThreads), kThreads, stream, plan.tree, distances));
    return 0;
}

extern "C" int saga_nearest_neighbors(int64_t n, const float *points, int64_t k, int32_t *indices, void *workspace,
                                      void *stream) {
    if (n == 0) return 0;
    Arena arena(workspace);
    TreePlan plan;
    int status = plan_tree(n, kLeafSize, arena, &plan);
    if (status == 0) status = build(plan, points, stream);
    if (status != 0) return status;
    SAGA_TRY(launch(neighbors_kernel, ceil_div(n, kThreads), kThreads, stream, plan.tree, int(k), indices));
    return 0;
}

extern "C" int saga_within_radius(int64_t n, const float *points, int64_t q, const float *queries, double radius,
                                  uint8_t *within, void *workspace, void *stream) {
    if (n == 0) return 0;
    Arena arena(workspace);
    TreePlan plan;
    int status = plan_tree(n, kLeafSize, arena, &plan);
    if (status == 0) status = build(plan, points, stream);
    if (status != 0) return status;
    SAGA_TRY(
        launch(within_kernel, ceil_div(q, kThreads), kThreads, stream, plan.tree, q, queries, Reach(radius), within));
    return 0;
}

extern "C" int saga_grow_region(int64_t n, const float *points, double radius, uint8_t *region, void *workspace,
                                void *stream) {
    if (n == 0) return 0;
    Arena arena(workspace);
    GrowthPlan plan;
    int status = plan_growth(n, arena, &plan);
    if (status == 0) status = build(plan.tree, points, stream);
    if (status != 0) return status;
    const Growth growth(plan.tree.tree, Reach(radius), plan.parents, plan.cliques, plan.count, plan.reached);
    const int64_t blocks = ceil_div(n, kThreads), warp_blocks = ceil_div(n, kThreads / kWarp);
    SAGA_TRY(cudaMemsetAsync(plan.count, 0, sizeof(*plan.count), static_cast<cudaStream_t>(stream)));
    SAGA_TRY(launch(clique_kernel, blocks, kThreads, stream, growth));
    SAGA_TRY(launch(unite_kernel, std::min(warp_blocks, kMostGrowthBlocks), kThreads, stream, growth));
    SAGA_TRY(launch(plant_kernel, blocks, kThreads, stream, growth, region));
    SAGA_TRY(launch(spread_kernel, blocks, kThreads, stream, growth, region));
    return 0;
}
