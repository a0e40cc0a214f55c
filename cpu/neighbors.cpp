// Exact neighbor searches of the post-processing steps on a k-d tree: nearest neighbors, ball query, region
// growing. Each search decides with double precision, so it agrees with a search by any other method.
#include <cmath>

#include "common.hpp"
#include "kdtree.hpp"

namespace saga {
namespace {

constexpr int32_t LEAF_SIZE = 32;
constexpr int32_t GROWTH_LEAF_SIZE = 4;
constexpr int32_t CHUNK = 256;         // nodes that a thread takes at a time
constexpr int32_t QUERY_CHUNK = 4096;  // the same of queries
constexpr double NO_LIMIT = std::numeric_limits<double>::infinity();

// ---- Nearest neighbors ----

// Compares all leaves that may hold something nearer with a group of the points of one leaf; that one has been.
template <class Group>
void search_around(const Tree &tree, const Node &leaf, Group &group) {
    Stack stack;
    stack.push(0, 0, NO_LIMIT);
    while (!stack.empty()) {
        const auto [id, gap] = stack.pop();
        const Node &node = tree.nodes[id];
        if (gap > group.worst2 || &node == &leaf) continue;
        if (node.leaf()) {
            group.compare(node);
        } else {
            stack.push_children(tree, node, leaf, group.worst2);
        }
    }
}

// Distances from the points of one leaf to their nearest neighbors so far.
struct Group {
    const Node *leaf;
    const Point *points;
    double nearest2[LEAF_SIZE];
    double worst2;

    void compare(const Node &other) {
        worst2 = 0;
        for (int32_t i = 0; i < leaf->size(); ++i) {
            const Point &point = points[leaf->begin + i];
            if (gap2(other, point) < nearest2[i]) {
                for (int32_t j = other.begin; j < other.end; ++j) {
                    const bool other_point = points[j].index != point.index;
                    const double distance = distance2(point.position, points[j].position);
                    nearest2[i] = other_point ? std::min(nearest2[i], distance) : nearest2[i];
                }
            }
            worst2 = std::max(worst2, nearest2[i]);
        }
    }
};

void nearest_of_leaf(const Tree &tree, const Node &leaf, float *distances) {
    if (leaf.size() > 1 && leaf.diagonal2() == 0) {  // coinciding points, perhaps more than a group holds
        for (int32_t i = leaf.begin; i < leaf.end; ++i) distances[tree.points[i].index] = 0;
        return;
    }
    Group group{&leaf, tree.points, {}, 0};
    std::fill(group.nearest2, group.nearest2 + LEAF_SIZE, NO_LIMIT);
    group.compare(leaf);
    search_around(tree, leaf, group);
    for (int32_t i = 0; i < leaf.size(); ++i) {
        distances[tree.points[leaf.begin + i].index] = float(std::sqrt(group.nearest2[i]));
    }
}

// The nearest others of a point so far, sorted by distance and index.
struct Neighbor {
    double distance2;
    int32_t index;

    bool operator<(const Neighbor &other) const {
        return distance2 < other.distance2 || (distance2 == other.distance2 && index < other.index);
    }
};

// The nearest others of the points of one leaf.
class Neighborhood {
  public:
    Neighborhood(const Tree &tree, const Node &leaf, int32_t wanted) : tree(tree), leaf(leaf), wanted(wanted) {
        for (int32_t i = 0; i < leaf.size(); ++i) std::fill(nearest[i], nearest[i] + wanted, Neighbor{NO_LIMIT, 0});
    }
    void compare(const Node &other) {
        worst2 = 0;
        for (int32_t i = 0; i < leaf.size(); ++i) {
            const Point &point = tree.points[leaf.begin + i];
            Neighbor *const found = nearest[i], &worst = found[wanted - 1];
            if (gap2(other, point) <= worst.distance2) {
                for (int32_t j = other.begin; j < other.end; ++j) {
                    const Point &candidate = tree.points[j];
                    const double distance = distance2(point.position, candidate.position);
                    if (distance <= worst.distance2 && candidate.index != point.index) {
                        insert({distance, candidate.index}, found);
                    }
                }
            }
            worst2 = std::max(worst2, worst.distance2);
        }
    }
    void write(int32_t *indices) const {
        for (int32_t i = 0; i < leaf.size(); ++i) {
            const int32_t self = tree.points[leaf.begin + i].index;
            int32_t *const row = indices + self * int64_t(wanted + 1);
            row[0] = self;
            for (int32_t j = 0; j < wanted; ++j) row[1 + j] = nearest[i][j].index;
        }
    }
    double worst2 = NO_LIMIT;

  private:
    void insert(const Neighbor &candidate, Neighbor *found) const {
        if (!(candidate < found[wanted - 1])) return;
        int32_t at = wanted - 1;
        for (; at > 0 && candidate < found[at - 1]; --at) found[at] = found[at - 1];
        found[at] = candidate;
    }

    const Tree &tree;
    const Node &leaf;
    const int32_t wanted;
    Neighbor nearest[LEAF_SIZE][SAGA_MOST_NEIGHBORS - 1];
};

// Neighbors of at least k coinciding points, perhaps more than a neighborhood holds: those of the lowest indices.
// With k = 1, points need not coincide.
void neighbors_at_one_place(const Tree &tree, const Node &leaf, int32_t k, int32_t *indices) {
    Point lowest[SAGA_MOST_NEIGHBORS];
    std::partial_sort_copy(tree.points + leaf.begin, tree.points + leaf.end, lowest, lowest + k,
                           [](const Point &a, const Point &b) { return a.index < b.index; });
    for (int32_t i = leaf.begin; i < leaf.end; ++i) {
        int32_t *row = indices + tree.points[i].index * int64_t(k), *const end = row + k;
        *row++ = tree.points[i].index;
        for (const Point *other = lowest; row < end; ++other) {
            if (other->index != tree.points[i].index) *row++ = other->index;
        }
    }
}

void neighbors_of_leaf(const Tree &tree, const Node &leaf, int32_t k, int32_t *indices) {
    if (k == 1 || (leaf.size() >= k && leaf.diagonal2() == 0)) {
        neighbors_at_one_place(tree, leaf, k, indices);
        return;
    }
    Neighborhood neighborhood(tree, leaf, k - 1);
    neighborhood.compare(leaf);
    search_around(tree, leaf, neighborhood);
    neighborhood.write(indices);
}

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

extern "C" int saga_nearest_distance(int64_t n, const float *points, float *distances, void *workspace, void *) {
    if (n == 0) return 0;
    Arena arena(workspace);
    const Tree tree(n, points, LEAF_SIZE, NO_LIMIT, arena);
#pragma omp parallel for schedule(dynamic, CHUNK) if (n > PARALLEL_SIZE)
    for (int32_t id = 0; id < tree.node_count(); ++id) {
        const Node &node = tree.nodes[id];
        if (node.leaf()) nearest_of_leaf(tree, node, distances);
    }
    return 0;
}

extern "C" int saga_nearest_neighbors(int64_t n, const float *points, int64_t k, int32_t *indices, void *workspace,
                                      void *) {
    if (n == 0) return 0;
    Arena arena(workspace);
    const Tree tree(n, points, LEAF_SIZE, NO_LIMIT, arena);
#pragma omp parallel for schedule(dynamic, CHUNK) if (n > PARALLEL_SIZE)
    for (int32_t id = 0; id < tree.node_count(); ++id) {
        const Node &node = tree.nodes[id];
        if (node.leaf()) neighbors_of_leaf(tree, node, int32_t(k), indices);
    }
    return 0;
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
