// Exact searches of the post-processing steps on a k-d tree: ball query, region growing. Each search decides with
// double precision, so it agrees with a search by any other method.
#include <cmath>

#include "common.hpp"
#include "kdtree.hpp"

namespace saga {
namespace {

constexpr int32_t LEAF_SIZE = 32;
constexpr int32_t GROWTH_LEAF_SIZE = 4;
constexpr int32_t QUERY_CHUNK = 4096;  // queries that a thread takes at a time
constexpr double NO_LIMIT = std::numeric_limits<double>::infinity();

// ---- Ball query ----

bool any_within(const Tree &tree, const Point &query, double radius2) {
    Stack stack;
    stack.push(0, gap2(tree.nodes[0], query), radius2);
    while (!stack.empty()) {
        const Node &node = tree.nodes[stack.pop().node];
        if (span2(node, query) <= radius2) return true;
        if (!node.leaf()) {
            stack.push_children(tree, node, query, radius2);
            continue;
        }
        for (int32_t i = node.begin; i < node.end; ++i) {
            if (distance2(query.position, tree.points[i].position) <= radius2) return true;
        }
    }
    return false;
}

// ---- Region growing ----

// Grows a region over the largest nodes whose points all lie within the radius of each other: one reached
// point reaches them all.
class Growth {
  public:
    Growth(const Tree &tree, double radius2, uint8_t *complete, int32_t *queue)
        : tree(tree), radius2(radius2), complete(complete), queue(queue) {}

    void run(uint8_t *region) {
        plant(0, region);
        for (int32_t next = 0; next < queued; ++next) {
            spread(tree.nodes[queue[next]], 0);
        }
        for (int32_t i = 0; i < queued; ++i) {
            const Node &node = tree.nodes[queue[i]];
            for (int32_t j = node.begin; j < node.end; ++j) region[tree.points[j].index] = 1;
        }
    }

  private:
    bool clique(const Node &node) const { return node.diagonal2() <= radius2; }
    bool reach(int32_t id) {
        queue[queued++] = id;
        complete[id] = true;
        return true;
    }

    // Queues the cliques that hold a seed. These two return whether all of a node has been reached.
    bool plant(int32_t id, const uint8_t *seeds) {
        const Node &node = tree.nodes[id];
        complete[id] = false;
        if (!clique(node)) {
            const bool first = plant(node.child, seeds), second = plant(node.child + 1, seeds);
            complete[id] = first && second;
            return complete[id];
        }
        for (int32_t i = node.begin; i < node.end; ++i) {
            if (seeds[tree.points[i].index]) return reach(id);
        }
        return false;
    }

    // Queues the cliques that a reached one reaches.
    bool spread(const Node &from, int32_t id) {
        const Node &node = tree.nodes[id];
        if (complete[id]) return true;
        if (gap2(from, node) > radius2) return false;
        if (clique(node)) return adjacent(from, node) && reach(id);
        const bool first = spread(from, node.child), second = spread(from, node.child + 1);
        complete[id] = first && second;
        return complete[id];
    }

    // Whether any point of one node is within the radius of any of the other.
    bool adjacent(const Node &a, const Node &b) const {
        if (gap2(a, b) > radius2) return false;
        if (span2(a, b) <= radius2) return true;
        if (a.leaf() && b.leaf()) return leaves_adjacent(a, b);
        if (b.leaf() || (!a.leaf() && a.diagonal2() > b.diagonal2())) {
            return adjacent(tree.nodes[a.child], b) || adjacent(tree.nodes[a.child + 1], b);
        }
        return adjacent(a, tree.nodes[b.child]) || adjacent(a, tree.nodes[b.child + 1]);
    }

    bool leaves_adjacent(const Node &a, const Node &b) const {
        for (int32_t i = a.begin; i < a.end; ++i) {
            for (int32_t j = b.begin; j < b.end; ++j) {
                if (distance2(tree.points[i].position, tree.points[j].position) <= radius2) return true;
            }
        }
        return false;
    }

    const Tree &tree;
    const double radius2;
    uint8_t *const complete;
    int32_t *const queue;
    int32_t queued = 0;
};

}  // namespace
}  // namespace saga

using namespace saga;

extern "C" int64_t saga_neighbors_workspace(int64_t n) {
    // The tree, and the larger of the flags and queue of region growing and the cells of the mean distance.
    return Tree::workspace(n) + 16 * n + 2 * Arena::ALIGNMENT;
}

extern "C" int saga_within_radius(int64_t n, const float *points, int64_t q, const float *queries, double radius,
                                  uint8_t *within, void *workspace, void *) {
    if (n == 0) return 0;
    Arena arena(workspace);
    const Tree tree(n, points, LEAF_SIZE, NO_LIMIT, arena);
#pragma omp parallel for schedule(dynamic, QUERY_CHUNK) if (q > PARALLEL_SIZE)
    for (int64_t i = 0; i < q; ++i) {
        if (within[i]) continue;
        const Point query{{queries[3 * i], queries[3 * i + 1], queries[3 * i + 2]}, 0};
        within[i] = any_within(tree, query, radius * radius);
    }
    return 0;
}

extern "C" int saga_grow_region(int64_t n, const float *points, double radius, uint8_t *region, void *workspace,
                                void *) {
    if (n == 0) return 0;
    Arena arena(workspace);
    const Tree tree(n, points, GROWTH_LEAF_SIZE, radius * radius, arena);
    uint8_t *const complete = arena.take<uint8_t>(2 * n);
    int32_t *const queue = arena.take<int32_t>(n);
    Growth(tree, radius * radius, complete, queue).run(region);
    return 0;
}
