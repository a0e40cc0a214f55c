// A k-d tree over points, split at the middle of each node's tight bounding box. Boxes adapt to uneven
// density, and a far outlier costs one more level, where it would ruin a grid. Which points share a node
// depends on their positions alone, so searches depend neither on the order of the points nor on the number
// of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace saga {

typedef float Float4 __attribute__((vector_size(16), may_alias));

struct alignas(16) Point {
    float position[3];
    int32_t index;  // row of the caller's array
};

struct alignas(16) Node {
    float low[3];
    int32_t begin;  // range of Tree::points
    float high[3];
    int32_t end;
    int32_t child;  // the first of two adjacent children; 0 for a leaf

    bool leaf() const { return child == 0; }
    int32_t size() const { return end - begin; }
    double diagonal2() const {
        const double x = double(high[0]) - low[0], y = double(high[1]) - low[1], z = double(high[2]) - low[2];
        return x * x + y * y + z * z;
    }
};

// Relative error of the squared lengths of boxes, with room to spare: they are rounded so that a search
// which trusts them never loses a point.
constexpr float SLACK = 1e-6f;

inline const Float4 &row(const float *xyz) { return *reinterpret_cast<const Float4 *>(xyz); }
inline Float4 larger(Float4 a, Float4 b) { return a > b ? a : b; }
inline float length2(Float4 v) {
    v *= v;
    return v[0] + v[1] + v[2];
}

// Squared distance between the closest points of two boxes, rounded down.
inline float gap2(Float4 low_a, Float4 high_a, Float4 low_b, Float4 high_b) {
    return length2(larger(larger(low_a - high_b, low_b - high_a), Float4{})) * (1 - SLACK);
}
inline float gap2(const Node &a, const Node &b) { return gap2(row(a.low), row(a.high), row(b.low), row(b.high)); }
inline float gap2(const Node &a, const Point &p) {
    return gap2(row(a.low), row(a.high), row(p.position), row(p.position));
}

// Squared distance between the farthest points of two boxes, rounded up.
inline float span2(Float4 low_a, Float4 high_a, Float4 low_b, Float4 high_b) {
    return length2(larger(high_a - low_b, high_b - low_a)) * (1 + SLACK) + std::numeric_limits<float>::min();
}
inline float span2(const Node &a, const Node &b) { return span2(row(a.low), row(a.high), row(b.low), row(b.high)); }
inline float span2(const Node &a, const Point &p) {
    return span2(row(a.low), row(a.high), row(p.position), row(p.position));
}

inline double distance2(const float *a, const float *b) {
    const double x = double(a[0]) - b[0], y = double(a[1]) - b[1], z = double(a[2]) - b[2];
    return x * x + y * y + z * z;
}

// Hands out aligned pieces of a caller's workspace.
class Arena {
  public:
    explicit Arena(void *workspace) : next(static_cast<char *>(workspace)) {
        next += -reinterpret_cast<uintptr_t>(next) % ALIGNMENT;
    }
    template <typename T>
    T *take(int64_t count) {
        T *piece = reinterpret_cast<T *>(next);
        next += (count * int64_t(sizeof(T)) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        return piece;
    }
    static constexpr int64_t ALIGNMENT = 64;

  private:
    char *next;
};

constexpr int64_t PARALLEL_SIZE = 4096;  // points that are worth waking other threads

class Tree {
  public:
    // Leaves have at most leaf_size points and a squared diagonal of at most leaf_diagonal2. But points that
    // coincide share a leaf, however many: those of a node with a squared diagonal of at most coinciding2.
    Tree(int64_t n, const float *xyz, int32_t leaf_size, double leaf_diagonal2, Arena &arena, double coinciding2 = 0)
        : points(arena.take<Point>(n)), nodes(arena.take<Node>(2 * n)), size(int32_t(n)), leaf_size(leaf_size),
          leaf_diagonal2(leaf_diagonal2), coinciding2(coinciding2), spare(arena.take<Point>(n)) {
#pragma omp parallel for schedule(static) if (n > PARALLEL_SIZE)
        for (int32_t i = 0; i < size; ++i) {
            points[i] = {{xyz[3 * int64_t(i)], xyz[3 * int64_t(i) + 1], xyz[3 * int64_t(i) + 2]}, i};
        }
        nodes[0].begin = 0;
        nodes[0].end = size;
        bound(nodes[0], points);
#pragma omp parallel if (n > PARALLEL_SIZE)
#pragma omp single
        split(nodes[0], points, spare);
    }
    int32_t node_count() const { return used; }

    // Bytes of the arena that a tree of n points takes.
    static int64_t workspace(int64_t n) {
        return n * int64_t(2 * sizeof(Point) + 2 * sizeof(Node)) + 4 * Arena::ALIGNMENT;
    }

    Point *const points;  // [size], those of a node are adjacent
    Node *const nodes;    // nodes[0] is the root; their order is arbitrary
    const int32_t size;

  private:
    static void bound(Node &node, const Point *from) {
        const Float4 *rows = reinterpret_cast<const Float4 *>(from);
        Float4 low = rows[node.begin], high = low;
        for (int32_t i = node.begin + 1; i < node.end; ++i) {
            low = rows[i] < low ? rows[i] : low;
            high = rows[i] > high ? rows[i] : high;
        }
        for (int axis = 0; axis < 3; ++axis) {
            node.low[axis] = low[axis];
            node.high[axis] = high[axis];
        }
    }

    static int widest_axis(const Node &node) {
        const Float4 side = row(node.high) * 0.5f - row(node.low) * 0.5f;  // halved: it cannot overflow
        const int axis = side[1] > side[0] ? 1 : 0;
        return side[2] > side[axis] ? 2 : axis;
    }

    // Moves the node's points from one buffer to the other, low side first; returns where the high side
    // begins.
    static int32_t partition(const Node &node, const Point *from, Point *to) {
        const int axis = widest_axis(node);
        float middle = 0.5f * node.low[axis] + 0.5f * node.high[axis];
        if (!(middle < node.high[axis])) {
            middle = node.low[axis];  // neighboring numbers: both sides must get a point
        }
        int32_t front = node.begin, back = node.end - 1;
        for (int32_t i = node.begin; i < node.end; ++i) {
            const bool low = from[i].position[axis] <= middle;
            to[front] = from[i];  // to both ends, and only one advances: no branch to mispredict
            to[back] = from[i];
            front += low;
            back -= !low;
        }
        return front;
    }

    void split(Node &node, Point *from, Point *to) {
        const double diagonal2 = node.diagonal2();
        if (diagonal2 <= coinciding2 || (node.size() <= leaf_size && diagonal2 <= leaf_diagonal2)) {
            node.child = 0;
            if (from != points) {
                std::copy(from + node.begin, from + node.end, points + node.begin);
            }
            return;
        }
        const int32_t middle = partition(node, from, to);
        const int32_t child = used.fetch_add(2, std::memory_order_relaxed);
        node.child = child;
        for (int side = 0; side < 2; ++side) {
            Node *half = &nodes[child + side];
            half->begin = side ? middle : node.begin;
            half->end = side ? node.end : middle;
            const bool large = half->size() > PARALLEL_SIZE;
#pragma omp task firstprivate(half, from, to) if (large)
            {
                bound(*half, to);
                split(*half, to, from);
            }
        }
    }

    const int32_t leaf_size;
    const double leaf_diagonal2, coinciding2;
    Point *const spare;
    std::atomic<int32_t> used{1};
};

// Nodes still to be searched, the nearest on top.
class Stack {
  public:
    struct Entry {
        int32_t node;
        float gap2;
    };

    bool empty() const { return count == 0; }
    Entry pop() { return entries[--count]; }
    void push(int32_t node, float gap2, double limit2) {
        entries[count] = {node, gap2};
        count += gap2 <= limit2;
    }
    // Pushes the children of a node that the limit reaches, as seen from a node or a point.
    template <typename Shape>
    void push_children(const Tree &tree, const Node &node, const Shape &what, double limit2) {
        const float first = gap2(tree.nodes[node.child], what);
        const float second = gap2(tree.nodes[node.child + 1], what);
        const bool swap = first <= second;
        push(node.child + swap, swap ? second : first, limit2);
        push(node.child + !swap, swap ? first : second, limit2);
    }

  private:
    // Deepest possible tree: each split halves one side of a box of float32 numbers.
    static constexpr int MAX_DEPTH = 3 * (256 + 24);
    Entry entries[MAX_DEPTH + 2];
    int count = 0;
};

}  // namespace saga
