// Mean distance from each point to its k nearest, as the statistical filter needs it: k is the square root of n. Up to
// some hundreds, each point is compared with all around it. Beyond that the answer may be approximate: points are merged into cells, the leaves of a k-d tree, many
// of which hold k points, and a search sums over cells. Two facts make that accurate:
//
// * With W(r) points within r of x, mean distance = max over r of r - S(r) / k, S(r) = sum of (r - distance)+
//   over points, reached where W(r) = k. So an error of e in r costs only e^2.
// * Seen from x, a cell is spread over distances d - h to d + h. Both sums have closed forms for such a
//   cell, so that it enters the sum gradually as r grows.
#include "candidates.hpp"

namespace saga {
namespace {

constexpr int64_t EXACT_UP_TO = 192;      // k, from which cells take less time than points
constexpr int32_t LEAST_LEAF_SIZE = 16;   // of points that are compared with all around them
constexpr double CELLS = 24;              // cells that hold k points, at least
constexpr double MORE_CELLS_BELOW = 700;  // k under which more cells are affordable, and wanted
constexpr int32_t GROUPS = 4;             // groups that hold k points; a group shares one search of the tree
constexpr float LOOSEST = 0.75f;          // radius of a group, in units of the radius that holds k
constexpr float HEAVIEST = 32;            // points that a group's search may return, in units of k
constexpr float ACROSS = 2.0f / 3;        // share of a cell's variance that lies across the line of sight
constexpr double COINCIDING = 1e-15;      // distance too small for its square to be safe in float32
constexpr float SMALLEST = 1e-30f;        // half width of a cell whose points coincide
constexpr int QUICK_STEPS = 6;            // towards a radius by its local dimension, after that by bisection
constexpr int MOST_STEPS = 48;
constexpr float INFINITE = std::numeric_limits<float>::infinity();

struct Cell {
    float centroid[3];
    float variance;  // mean squared distance from the centroid
};

struct Ball {
    float center[3];
    float radius;
};

struct Moments {
    float weight, slack;  // W(r), S(r)
};

SAGA_CLONES void measure_kernel(int32_t n, const Cell *cells, const float *p, float *distance) {
    const float px = p[0], py = p[1], pz = p[2];
#pragma omp simd
    for (int32_t i = 0; i < n; ++i) {
        const float *c = cells[i].centroid;
        const float dx = c[0] - px, dy = c[1] - py, dz = c[2] - pz;
        distance[i] = std::sqrt(dx * dx + dy * dy + dz * dz + ACROSS * cells[i].variance);
    }
}

SAGA_CLONES Moments moments_kernel(int32_t n, const float *distance, const float *half, const float *inverse,
                                   const float *weight, float radius) {
    float inside = 0, slack = 0;
#pragma omp simd reduction(+ : inside, slack)
    for (int32_t i = 0; i < n; ++i) {
        const float depth = radius - distance[i];
        const float share = std::min(std::max(0.5f + 0.5f * depth * inverse[i], 0.0f), 1.0f);
        inside += weight[i] * share;
        slack += weight[i] * (half[i] * share * share + std::max(depth - half[i], 0.0f));
    }
    return {inside, slack};
}

// Cells around a ball, with their distances from a point in it.
struct Cells {
    std::vector<Cell> cells;
    std::vector<float> half, inverse, weight, distance;
    int32_t count = 0;
    float total = 0;          // weight of all
    float low = 0, high = 0;  // bracket of the radius around the ball's center that holds k

    void clear() { count = 0, total = 0; }
    void reserve(int32_t size) {
        if (size_t(size) > cells.size()) {
            cells.resize(2 * size);
            for (auto *values : {&half, &inverse, &weight, &distance}) values->resize(2 * size);
        }
    }
    // Adds a cell if it begins within the limit, as seen from p.
    void add(const Cell &cell, float cell_weight, const float *p, float limit) {
        const float cell_half = std::sqrt(cell.variance) + SMALLEST;
        const float cell_distance = std::sqrt(float(distance2(p, cell.centroid)) + ACROSS * cell.variance);
        if (cell_distance - cell_half >= limit) return;
        reserve(count + 1);
        cells[count] = cell;
        half[count] = cell_half;
        inverse[count] = 1 / cell_half;
        weight[count] = cell_weight;
        distance[count++] = cell_distance;
        total += cell_weight;
    }
    // Keeps, of the cells of another list (or this one), those that begin within the limit.
    void take(const Cells &from, float limit) {
        reserve(from.count);
        int32_t kept = 0;
        float kept_weight = 0;
        for (int32_t i = 0; i < from.count; ++i) {
            const bool near = from.distance[i] - from.half[i] < limit;
            cells[kept] = from.cells[i], half[kept] = from.half[i], inverse[kept] = from.inverse[i];
            weight[kept] = from.weight[i], distance[kept] = from.distance[i];
            kept += near;
            kept_weight += near ? from.weight[i] : 0;
        }
        count = kept, total = kept_weight;
    }
    void measure(const float *p) { measure_kernel(count, cells.data(), p, distance.data()); }
    Moments moments(float radius) const {
        return moments_kernel(count, distance.data(), half.data(), inverse.data(), weight.data(), radius);
    }
};

// The radius that should hold k, from the moments at another: W(r) is locally a power of r whose exponent is
// the dimension of the point set, and S(r) = r W(r) / (1 + dimension).
float towards(float k, float radius, Moments at) {
    if (at.weight == 0) return INFINITE;
    const float dimension = std::max(at.weight * radius / at.slack - 1, 0.5f);
    return radius * (1 + (k / at.weight - 1) / dimension);
}

// Brackets the radius around the measured point that holds k, to a few percent.
void bracket(Cells &cells, float k) {
    float low = 0, high = 0;
    for (int32_t i = 0; i < cells.count; ++i) high = std::max(high, cells.distance[i] + cells.half[i]);
    high = high * (1 + 1e-6f) + SMALLEST;  // holds all of them, whatever the rounding
    float guess = 0.7f * high;
    for (int step = 0; step < MOST_STEPS && high - low > 0.03f * high; ++step) {
        const Moments at = cells.moments(guess);
        const bool enough = at.weight >= k;
        (enough ? high : low) = guess;
        // Aims a little beyond the answer, so that the bracket closes from both sides.
        const float next = towards(k, guess, at) * (enough ? 0.99f : 1.01f);
        guess = step < QUICK_STEPS && next > low && next < high ? next : 0.5f * (low + high);
    }
    cells.low = low, cells.high = high;
}

// Mean distance from a point to its k nearest, given the cells around it. offset: how far the point is from
// the center that the bracket is of; the radius that holds k changes by no more than that.
float mean_distance(Cells &cells, const float *point, float offset, float k) {
    float low = std::max(cells.low - offset, 0.0f), high = cells.high + offset;
    float radius = 0.5f * (cells.low + cells.high), mean = 0;
    cells.measure(point);
    for (int step = 0; step < MOST_STEPS; ++step) {
        const Moments at = cells.moments(radius);
        (at.weight >= k ? high : low) = radius;
        float next = towards(k, radius, at);
        next = step < QUICK_STEPS && next > low && next < high ? next : 0.5f * (low + high);
        const float gain = 0.5f * (1 - at.weight / k) * (next - radius);
        mean = radius - at.slack / k + gain;
        if (std::fabs(gain) <= 1e-3f * mean) break;
        radius = next;
    }
    return std::max(mean, 0.0f);
}

class Search {
  public:
    Search(const Tree &tree, const Cell *merged, int64_t k, float *means)
        : tree(tree), merged(merged), k(float(k)), group_size(int32_t(k / GROUPS)), means(means) {}

    bool is_group(const Node &node) const { return node.leaf() || node.size() <= group_size; }

    // Mean distances of a group's points: one search for all of them, or for each half where they are too far
    // apart to share one.
    void run(const Node &group) {
        const Ball ball = enclose(group);
        if (gather(ball)) {
            refine(group);
        } else if (!group.leaf()) {
            run(tree.nodes[group.child]);
            run(tree.nodes[group.child + 1]);
        } else {
            for (int32_t i = group.begin; i < group.end; ++i) {
                const Point &point = tree.points[i];
                gather({{point.position[0], point.position[1], point.position[2]}, 0});
                means[point.index] = mean_distance(wide, point.position, 0, k);
            }
        }
    }

  private:
    Ball enclose(const Node &node) const {
        Ball ball;
        double radius2 = 0;
        for (int axis = 0; axis < 3; ++axis) {
            ball.center[axis] = 0.5f * node.low[axis] + 0.5f * node.high[axis];
        }
        for (int32_t i = node.begin; i < node.end; ++i) {
            radius2 = std::max(radius2, distance2(ball.center, tree.points[i].position));
        }
        ball.radius = float(std::sqrt(radius2));
        return ball;
    }

    // Collects the cells that any point of the ball may need; false when the ball is too loose to share them.
    bool gather(const Ball &ball) {
        const Point center{{ball.center[0], ball.center[1], ball.center[2]}, 0};
        float limit = INFINITE, limit2 = INFINITE, trigger = 2 * k;
        wide.clear();
        Stack stack;
        stack.push(0, 0, limit2);
        while (!stack.empty()) {
            const auto [id, gap] = stack.pop();
            const Node &node = tree.nodes[id];
            if (gap > limit2) continue;
            if (!node.leaf()) {
                stack.push_children(tree, node, center, limit2);
                continue;
            }
            wide.add(merged[node.begin], float(node.size()), ball.center, limit);
            if (wide.total > trigger) {
                if (!tighten(ball)) return false;
                limit = wide.high + 2 * ball.radius, limit2 = limit * limit;
                trigger = 1.5f * wide.total + k;
            }
        }
        return tighten(ball);
    }

    // Drops the cells that the ball turns out not to need.
    bool tighten(const Ball &ball) {
        bracket(wide, k);
        wide.take(wide, wide.high + 2 * ball.radius);
        return ball.radius == 0 || (ball.radius <= LOOSEST * wide.high && wide.total <= HEAVIEST * k);
    }

    // Narrows the group's cells to those of each of its leaves.
    void refine(const Node &node) {
        if (!node.leaf()) {
            refine(tree.nodes[node.child]);
            refine(tree.nodes[node.child + 1]);
            return;
        }
        const Ball ball = enclose(node);
        wide.measure(ball.center);
        bracket(wide, k);
        narrow.take(wide, wide.high + 2 * ball.radius);
        narrow.low = wide.low, narrow.high = wide.high;
        for (int32_t i = node.begin; i < node.end; ++i) {
            const Point &point = tree.points[i];
            const float offset = float(std::sqrt(distance2(ball.center, point.position)));
            means[point.index] = mean_distance(narrow, point.position, offset, k);
        }
    }

    const Tree &tree;
    const Cell *const merged;  // of a leaf: at its begin
    const float k;
    const int32_t group_size;
    float *const means;
    Cells wide, narrow;
};

// Sum of the square roots of those of n values that do not exceed a limit; `within` is their number.
SAGA_CLONES double roots_kernel(int32_t n, const float *values, float limit, int32_t *within) {
    double sum = 0;
    int32_t counted = 0;
#pragma omp simd reduction(+ : sum, counted)
    for (int32_t i = 0; i < n; ++i) {
        const bool near = values[i] <= limit;
        sum += near ? std::sqrt(values[i]) : 0.0f;
        counted += near;
    }
    *within = counted;
    return sum;
}

// Mean distances of a leaf's points from all around them.
void means_of_leaf(Candidates &around, const Node &leaf, float *means) {
    const bool one_place = leaf.size() >= around.k && leaf.diagonal2() == 0;
    if (!one_place) around.gather(leaf);
    for (int32_t i = leaf.begin; i < leaf.end; ++i) {
        const Point &point = around.tree.points[i];
        double sum = 0;
        if (!one_place) {
            const float highest = around.measure(point);
            const float limit = limit_kernel(around.count, around.measured.data(), around.k, 0, highest);
            int32_t within;
            sum = roots_kernel(around.count, around.measured.data(), limit, &within);
            sum -= (within - around.k) * double(std::sqrt(limit));  // ties: one is as good as another
        }
        means[point.index] = float(std::max(sum, 0.0) / around.k);
    }
}

void exact_means(int64_t n, const float *points, int32_t k, float *means, Arena &arena) {
    const Tree tree(n, points, std::max(LEAST_LEAF_SIZE, k / 8), double(INFINITE), arena);
#pragma omp parallel if (n > PARALLEL_SIZE)
    {
        Candidates around(tree, k);
#pragma omp for schedule(dynamic, 16)
        for (int32_t id = 0; id < tree.node_count(); ++id) {
            if (tree.nodes[id].leaf()) means_of_leaf(around, tree.nodes[id], means);
        }
    }
}

Cell merge(const Point *points, const Node &leaf) {
    double sum[3] = {}, squares = 0;
    Cell cell;
    for (int32_t i = leaf.begin; i < leaf.end; ++i) {
        for (int axis = 0; axis < 3; ++axis) sum[axis] += points[i].position[axis];
    }
    for (int axis = 0; axis < 3; ++axis) cell.centroid[axis] = float(sum[axis] / leaf.size());
    for (int32_t i = leaf.begin; i < leaf.end; ++i) squares += distance2(cell.centroid, points[i].position);
    cell.variance = float(squares / leaf.size());
    return cell;
}

int32_t cell_size(int64_t k) {
    return std::max(1, int32_t(double(k) / (CELLS * std::max(1.0, std::sqrt(MORE_CELLS_BELOW / double(k))))));
}

}  // namespace
}  // namespace saga

using namespace saga;

extern "C" int saga_mean_distance(int64_t n, const float *points, int64_t k, float *distances, void *workspace,
                                  void *) {
    if (k <= 1) {  // the point itself
        std::fill(distances, distances + n, 0.0f);
        return 0;
    }
    Arena arena(workspace);
    if (k <= EXACT_UP_TO) {
        exact_means(n, points, int32_t(k), distances, arena);
        return 0;
    }
    const Tree tree(n, points, cell_size(k), double(INFINITE), arena, COINCIDING * COINCIDING);
    Cell *const cells = arena.take<Cell>(n);
#pragma omp parallel for schedule(static) if (n > PARALLEL_SIZE)
    for (int32_t id = 0; id < tree.node_count(); ++id) {
        const Node &node = tree.nodes[id];
        if (node.leaf()) cells[node.begin] = merge(tree.points, node);
    }
#pragma omp parallel if (n > PARALLEL_SIZE)
    {
        Search search(tree, cells, k, distances);
#pragma omp for schedule(dynamic, 16)
        for (int32_t id = 0; id < tree.node_count(); ++id) {
            const Node &node = tree.nodes[id];
            if (id == 0 && search.is_group(node)) search.run(node);
            if (search.is_group(node)) continue;
            for (int side = 0; side < 2; ++side) {
                if (search.is_group(tree.nodes[node.child + side])) search.run(tree.nodes[node.child + side]);
            }
        }
    }
    return 0;
}
