// Mean distance from each point to its k nearest, as the statistical filter needs it: k is large (the square root of
// n) and the answer may be approximate. Points that are close together, as seen from where the distance is measured,
// are merged into a cell. Two facts make that accurate:
//
// * With W(r) points within r of x, mean distance = max over r of r - S(r) / k, S(r) = sum of (r - distance)+
//   over points, reached where W(r) = k. So an error of e in r costs only e^2.
// * Seen from x, a cell is spread evenly over distances d - h to d + h; h follows from its variance along the line of
//   sight. Both sums have closed forms for such a cell, so that it enters them gradually as r grows.
//
// Cells are the nodes of a tree that are small beside r, and single points where even a leaf is not. A warp takes
// 32 neighboring points, each with a radius of its own to try, and walks the tree once for all.
#include "tree.cuh"

namespace saga {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kLeafSize = 8;
constexpr float kWidest = 0.2f;       // spread of a cell, in units of the radius, at most
constexpr int64_t kCells = 24;        // cells that hold k points, at least
constexpr float kSmallest = 1e-30f;   // a distance that is as good as none
constexpr float kHeaviest = 16;       // points, in units of k, after which a sum ends: the radius is too large
constexpr float kFirstGuess = 0.35f;  // radius that holds k, in units of the diagonal of a box that does
constexpr float kPrecision = 1e-3f;   // what a step may still gain in the end, in units of the mean distance
constexpr float kCaution = 0.02f;     // the same of the most that any number of steps may
constexpr float kBeyond = 0.01f;      // how far steps aim beyond the radius, so as to enclose it
constexpr float kBlurred = 0.01f;     // mean distance, in units of the radius, under which digits are lost
constexpr int kQuickSteps = 6;        // towards a radius by its local dimension, after that by bisection
constexpr int kMostSteps = 48;

struct Sums {
    float weight, slack;  // W(r), S(r)
};

__device__ __forceinline__ void add_points(const Tree &tree, uint32_t leaf, float4 point, float radius, Sums &sums) {
    const Points held = tree.points_of(leaf);
    for (int32_t i = held.begin; i < held.end; ++i) {
        const float depth = radius - sqrtf(distance2(point, tree.points[i]));
        sums.weight += depth > 0 ? 1.0f : 0.0f;
        sums.slack += fmaxf(depth, 0.0f);
    }
}

__device__ __forceinline__ void add_cell(const Cell &cell, float4 point, float radius, Sums &sums) {
    const float to2 = distance2(cell.centroid, point), inverse = 1 / (sqrtf(to2) + kSmallest);
    const float x = (cell.centroid.x - point.x) * inverse, y = (cell.centroid.y - point.y) * inverse,
                z = (cell.centroid.z - point.z) * inverse;
    const float along = cell.variance.x * x * x + cell.variance.y * y * y + cell.variance.z * z * z +
                        2 * (cell.mixed.x * y * z + cell.mixed.y * z * x + cell.mixed.z * x * y);
    const float all = cell.centroid.w * cell.centroid.w;
    const float half = sqrtf(3 * fmaxf(along, 0.0f)) + kSmallest;  // of an even spread with this variance
    const float depth = radius - sqrtf(to2 + fmaxf(all - along, 0.0f));
    const float share = fminf(fmaxf(0.5f + 0.5f * depth / half, 0.0f), 1.0f);
    sums.weight += cell.variance.w * share;
    sums.slack += cell.variance.w * (half * share * share + fmaxf(depth - half, 0.0f));
}

// Sums around one point per lane. A lane whose weight passes the most stops: its sums are then those of a part. Nodes
// before `coarse` are too large for cells.
__device__ Sums sums_within(const Tree &tree, const Cell *cells, float4 point, float radius, float most,
                            uint32_t coarse) {
    Sums sums{};
    float reach2 = radius < 0 ? -1.0f : radius * radius;
    const float widest = kWidest * radius;
    for (uint32_t node = 1; node != 0;) {
        const bool mine = gap2(tree.boxes[node], point) <= reach2;
        if (__any_sync(kAllLanes, mine)) {
            const bool wide = node < coarse || __any_sync(kAllLanes, mine && cells[node].centroid.w > widest);
            if (wide && node < tree.leaves()) {
                node *= 2;
                continue;
            }
            if (wide) {
                add_points(tree, node, point, radius, sums);
            } else if (mine) {  // to others' radii it may be wide
                add_cell(cells[node], point, radius, sums);
            }
            if (sums.weight > most) reach2 = -1;
        }
        node = after(node);
    }
    return sums;
}

// The radius that should hold k, from the sums at another: W(r) is locally a power of r whose exponent is the
// dimension of the point set, and S(r) = r W(r) / (1 + dimension).
__device__ float towards(float k, float radius, Sums at) {
    if (at.weight == 0) return INFINITY;
    const float dimension = fmaxf(at.weight * radius / at.slack - 1, 0.5f);
    return radius * (1 + (k / at.weight - 1) / dimension);
}

// level: the lowest whose nodes hold k points.
__global__ void __launch_bounds__(kThreads) mean_kernel(const Tree tree, const Cell *__restrict__ cells, int level,
                                                        uint32_t coarse, float k, float *__restrict__ distances) {
    const int64_t i = thread_index();
    bool active = i < tree.n;
    const int64_t own = active ? i : tree.n - 1;
    const float4 point = tree.points[own];
    const Box box = tree.boxes[tree.node_of(own, level)];
    float low = 0, high = 2 * sqrtf(span2(box, point)) + 4 * kSmallest;  // cells may end outside their boxes
    float radius = kFirstGuess * sqrtf(span2(box, box)) + kSmallest, mean = 0;
    for (int step = 0; step < kMostSteps; ++step) {
        if (!__any_sync(kAllLanes, active)) break;
        const Sums at = sums_within(tree, cells, point, active ? radius : -1.0f, kHeaviest * k, coarse);
        const bool enough = at.weight >= k, all = at.weight <= kHeaviest * k;
        const float other = enough ? low : high;  // the answer lies between
        (enough ? high : low) = radius;
        float next = fminf(fmaxf(towards(k, radius, at), low), high);
        const float excess = 1 - at.weight / k, gain = 0.5f * excess * (next - radius);
        const float likely = radius - at.slack / k + gain;
        if (active) mean = likely;
        // r - S(r) / k is concave: so the slope limits what is left to gain.
        bool found = all && fabsf(gain) <= kPrecision * likely && excess * (other - radius) <= kCaution * likely;
        next *= enough ? 1 - kBeyond : 1 + kBeyond;
        const bool quick = step < kQuickSteps && all && next > low && next < high;
        if (!quick) next = low > 0 ? 0.5f * (low + high) : 0.125f * high;
        if (found && enough && likely < kBlurred * radius && radius > 16 * kSmallest) {
            found = false;
            next = kBlurred * radius;
        }
        active = active && !found;
        radius = next;
    }
    if (i < tree.n) distances[tree.row(i)] = mean > 16 * kSmallest ? mean : 0.0f;  // 0 where k points coincide
}

// Adds to a cell's covariances the outer product of an offset, weighted.
__device__ __forceinline__ void stretch(Cell &cell, float weight, float x, float y, float z) {
    cell.variance.x += weight * x * x, cell.variance.y += weight * y * y, cell.variance.z += weight * z * z;
    cell.mixed.x += weight * y * z, cell.mixed.y += weight * z * x, cell.mixed.z += weight * x * y;
}

__device__ __forceinline__ float spread(const Cell &cell) {
    return sqrtf(cell.variance.x + cell.variance.y + cell.variance.z);
}

// Merges the points of each leaf into a cell.
__global__ void __launch_bounds__(kThreads) leaf_kernel(const Tree tree, Cell *__restrict__ cells) {
    const int64_t leaf = tree.leaves() + thread_index();
    if (leaf >= 2 * int64_t(tree.leaves())) return;
    const Points held = tree.points_of(uint32_t(leaf));
    const float4 first = tree.points[held.begin];
    const float count = float(held.count()), share = 1 / count;
    float x = 0, y = 0, z = 0;
    for (int32_t i = held.begin + 1; i < held.end; ++i) {
        const float4 point = tree.points[i];
        x += (point.x - first.x) * share, y += (point.y - first.y) * share, z += (point.z - first.z) * share;
    }
    x += first.x, y += first.y, z += first.z;
    Cell cell{{x, y, z, 0}, {0, 0, 0, count}, {0, 0, 0, 0}};
    for (int32_t i = held.begin; i < held.end; ++i) {
        const float4 point = tree.points[i];
        stretch(cell, share, point.x - x, point.y - y, point.z - z);
    }
    cell.centroid.w = spread(cell);
    cells[leaf] = cell;
}

// Merges the cells of a level in pairs into those of the level above, which has this many nodes.
__global__ void __launch_bounds__(kThreads) level_kernel(int64_t nodes, Cell *cells) {
    const int64_t node = nodes + thread_index();
    if (node >= 2 * nodes) return;
    const Cell a = cells[2 * node], b = cells[2 * node + 1];
    const float count = a.variance.w + b.variance.w, of_a = a.variance.w / count, of_b = b.variance.w / count;
    const float x = b.centroid.x - a.centroid.x, y = b.centroid.y - a.centroid.y, z = b.centroid.z - a.centroid.z;
    Cell cell;
    cell.centroid = {a.centroid.x + of_b * x, a.centroid.y + of_b * y, a.centroid.z + of_b * z, 0};
    cell.variance = {of_a * a.variance.x + of_b * b.variance.x, of_a * a.variance.y + of_b * b.variance.y,
                     of_a * a.variance.z + of_b * b.variance.z, count};
    cell.mixed = {of_a * a.mixed.x + of_b * b.mixed.x, of_a * a.mixed.y + of_b * b.mixed.y,
                  of_a * a.mixed.z + of_b * b.mixed.z, 0};
    stretch(cell, of_a * of_b, x, y, z);
    cell.centroid.w = spread(cell);
    cells[node] = cell;
}

int merge_cells(const Tree &tree, Cell *cells, void *stream) {
    SAGA_TRY(launch(leaf_kernel, ceil_div(tree.leaves(), kThreads), kThreads, stream, tree, cells));
    for (int64_t nodes = tree.leaves() / 2; nodes > 0; nodes /= 2) {
        SAGA_TRY(launch(level_kernel, ceil_div(nodes, kThreads), kThreads, stream, nodes, cells));
    }
    return 0;
}

}  // namespace

int plan_cells(int64_t n, Arena &arena, TreePlan *plan, Cell **cells) {
    const int status = plan_tree(n, kLeafSize, arena, plan);
    *cells = arena.take<Cell>(2 * int64_t(plan->tree.leaves()));
    return status;
}

}  // namespace saga

using namespace saga;

extern "C" int saga_mean_distance(int64_t n, const float *points, int64_t k, float *distances, void *workspace,
                                  void *stream) {
    if (k <= 1) {  // the point itself
        SAGA_TRY(cudaMemsetAsync(distances, 0, size_t(n) * sizeof(float), static_cast<cudaStream_t>(stream)));
        return 0;
    }
    Arena arena(workspace);
    TreePlan plan;
    Cell *cells;
    int status = plan_cells(n, arena, &plan, &cells);
    const Tree &tree = plan.tree;
    if (status == 0) status = sort_points(plan, points, stream);
    if (status == 0) status = bound_leaves(tree, stream);
    if (status == 0) status = bound_nodes(tree, stream);
    if (status == 0) status = merge_cells(tree, cells, stream);
    if (status != 0) return status;
    int level = tree.levels;
    while ((n >> level) < k) --level;
    uint32_t coarse = 2 * tree.leaves();
    while (coarse > 1 && ceil_div(n, coarse / 2) * kCells <= k) coarse /= 2;
    SAGA_TRY(
        launch(mean_kernel, ceil_div(n, kThreads), kThreads, stream, tree, cells, level, coarse, float(k), distances));
    return 0;
}
