// Exact nearest neighbors on a k-d tree. What decides is double precision, so every other exact search agrees.
#include "candidates.hpp"

namespace saga {
namespace {

constexpr int32_t LEAF_SIZE = 32;
constexpr int32_t CHUNK = 256;  // nodes that a thread takes at a time
constexpr double NO_LIMIT = std::numeric_limits<double>::infinity();

// ---- The nearest other point ----

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

// ---- The k nearest ----

constexpr int32_t SMALL_LEAF_SIZE = 24;
constexpr int32_t RANKED = 256;  // candidates from which sorting is less than counting
SAGA_CLONES void flag_kernel(int32_t n, const float *values, float limit, uint8_t *flags) {
#pragma omp simd
    for (int32_t i = 0; i < n; ++i) flags[i] = values[i] <= limit;
}

typedef double Eight __attribute__((vector_size(64)));
typedef int64_t Counts __attribute__((vector_size(64)));
typedef double LooseEight __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64_t LooseCounts __attribute__((vector_size(64), aligned(8), may_alias));

// How many of n values are less than each; returns whether no two are equal. Up to seven places after the n are changed.
SAGA_CLONES bool rank_kernel(int32_t n, double *values, int64_t *rank) {
    for (int32_t i = n; i % LANES != 0; ++i) values[i] = NO_LIMIT;
    int64_t sum = 0;
    for (int32_t begin = 0; begin < n; begin += LANES) {
        const Eight own = *reinterpret_cast<const LooseEight *>(values + begin);
        Counts less = {};
        for (int32_t j = 0; j < n; ++j) less -= values[j] < own;
        *reinterpret_cast<LooseCounts *>(rank + begin) = less;
        for (int32_t i = 0; i < LANES; ++i) sum += begin + i < n ? less[i] : 0;
    }
    return sum == int64_t(n) * (n - 1) / 2;
}

// The nearest of what is around one leaf after the other, for each of its points.
class Neighborhood {
  public:
    Neighborhood(const Tree &tree, int32_t k, int32_t *indices) : around(tree, k), indices(indices) {}

    // Writes the neighbors of a leaf's points.
    void run(const Node &leaf) {
        around.gather(leaf);
        reserve(around.count);
        for (int32_t i = leaf.begin; i < leaf.end; ++i) {
            const Point &point = around.tree.points[i];
            write(point, list(around.measure(point)));
        }
    }

  private:
    // Lists the around.measured candidates within a limit; returns how many there are.
    int32_t list(float limit) {
        flag_kernel(around.count, around.measured.data(), limit, flags.data());
        std::memset(flags.data() + around.count, 0, sizeof(uint64_t));
        int32_t found = 0;
        for (int32_t begin = 0; begin < around.count; begin += sizeof(uint64_t)) {
            uint64_t word;
            std::memcpy(&word, flags.data() + begin, sizeof(word));
            for (; word != 0; word &= word - 1) {
                const int32_t i = begin + __builtin_ctzll(word) / 8;
                listed[found] = i;
                near2[found++] = around.measured[i];
            }
        }
        return found;
    }

    // Writes the neighbors of a point, which are among the first of the list.
    void write(const Point &point, int32_t near) {
        const float highest = *std::max_element(near2.data(), near2.data() + near);
        const float limit = rounded_up(limit_kernel(near, near2.data(), around.k, MORE, highest));
        int32_t kept = 0;
        for (int32_t i = 0; i < near; ++i) {
            listed[kept] = listed[i];
            kept += near2[i] <= limit;
        }
        for (int32_t i = 0; i < kept; ++i) {
            const int32_t j = listed[i];
            const float position[3] = {around.x[j], around.y[j], around.z[j]};
            index[i] = around.row[j];
            // The point itself comes before all that coincide with it.
            exact2[i] = around.row[j] == point.index ? -1 : distance2(point.position, position);
        }
        int32_t *const own = indices + point.index * int64_t(around.k);
        if (kept > RANKED || !rank_kernel(kept, exact2.data(), rank.data())) return write_sorted(kept, own);
        for (int32_t i = 0; i < kept; ++i) {
            if (rank[i] < around.k) own[rank[i]] = int32_t(index[i]);
        }
    }

    void write_sorted(int32_t kept, int32_t *own) {
        for (int32_t i = 0; i < kept; ++i) rank[i] = i;
        std::partial_sort(rank.data(), rank.data() + around.k, rank.data() + kept, [this](int64_t a, int64_t b) {
            return exact2[a] < exact2[b] || (exact2[a] == exact2[b] && index[a] < index[b]);
        });
        for (int32_t i = 0; i < around.k; ++i) own[i] = int32_t(index[rank[i]]);
    }

    void reserve(int32_t size) {
        if (size_t(size) + LANES <= near2.size()) return;
        const size_t room = 2 * size_t(size) + LANES;  // what is ranked is filled up to whole registers
        near2.resize(room);
        listed.resize(room);
        flags.resize(room + sizeof(uint64_t));
        exact2.resize(room);
        for (auto *values : {&index, &rank}) values->resize(room);
    }

    Candidates around;
    int32_t *const indices;
    std::vector<float> near2;
    std::vector<int32_t> listed;
    std::vector<uint8_t> flags;
    std::vector<double> exact2;
    std::vector<int64_t> index, rank;
};

// Neighbors of at least k coinciding points, perhaps many: those of the lowest indices.
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

}  // namespace
}  // namespace saga

using namespace saga;

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
    const Tree tree(n, points, SMALL_LEAF_SIZE, NO_LIMIT, arena);
#pragma omp parallel if (n > PARALLEL_SIZE)
    {
        Neighborhood neighborhood(tree, int32_t(k), indices);
#pragma omp for schedule(dynamic, CHUNK)
        for (int32_t id = 0; id < tree.node_count(); ++id) {
            const Node &node = tree.nodes[id];
            if (!node.leaf()) continue;
            if (node.size() >= k && node.diagonal2() == 0) {
                neighbors_at_one_place(tree, node, int32_t(k), indices);
            } else {
                neighborhood.run(node);
            }
        }
    }
    return 0;
}
