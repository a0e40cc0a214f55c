// The points of a tree around one of its leaves: all that may be among the k nearest of any of the leaf's points. They lie
// channel by channel, so that a point is compared with a register of them at a time.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstring>
#include <vector>

#include "common.hpp"
#include "kdtree.hpp"

namespace saga {
namespace {

constexpr int32_t MORE = 8;       // candidates, beside the k, that a limit may let pass
constexpr int32_t LANES = 8;      // that arrays may be filled up to
constexpr double ROUNDED = 2e-6;  // relative error of squared distances in single precision, with room to spare
constexpr double ANYWHERE = std::numeric_limits<double>::infinity();

typedef int32_t Bits __attribute__((may_alias));  // floats from 0 on are ordered as these are

SAGA_INLINE Bits to_bits(float value) {
    Bits bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits;
}

SAGA_INLINE float to_float(Bits bits) {
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
}

// Squared distances in single precision from a place to n candidates.
SAGA_CLONES void measure_kernel(int32_t n, const float *x, const float *y, const float *z, const float *place,
                                float *distance2) {
    const float px = place[0], py = place[1], pz = place[2];
#pragma omp simd
    for (int32_t i = 0; i < n; ++i) {
        const float dx = x[i] - px, dy = y[i] - py, dz = z[i] - pz;
        distance2[i] = dx * dx + dy * dy + dz * dz;
    }
}

// A limit that at least k of n values do not exceed, and at most `more` beside these but for ties. At least k values do
// not exceed `highest`, and all are from 0 on.
SAGA_CLONES float limit_kernel(int32_t n, const float *values, int32_t k, int32_t more, float highest) {
    const Bits *bits = reinterpret_cast<const Bits *>(values);
    Bits low = -1, high = to_bits(highest);
    int32_t below = 0, up_to = n;  // values up to low, and up to high at most
    for (int32_t step = 0; high - low > 1; ++step) {
        // Squared distances on a surface are about evenly spread: that leads to the limit in a few steps, and where it
        // does not, halving does.
        const float from = low < 0 ? 0 : to_float(low);
        const float share = (k - 0.5f - below) / std::max(up_to - below, 1);
        const Bits guess = step % 3 == 2 ? low + (high - low) / 2 : to_bits(from + (to_float(high) - from) * share);
        const Bits middle = std::min(std::max(guess, low + 1), high - 1);
        int32_t within = 0;
#pragma omp simd reduction(+ : within)
        for (int32_t i = 0; i < n; ++i) within += bits[i] <= middle;
        (within < k ? low : high) = middle;
        (within < k ? below : up_to) = within;
        if (within >= k && within <= k + more) break;
    }
    return to_float(high);
}

inline float rounded_up(double square) { return float(square * (1 + ROUNDED)) + FLT_MIN; }

class Candidates {
  public:
    Candidates(const Tree &tree, int32_t k) : tree(tree), k(k) {}

    // Collects all points that may be among the k nearest of a point of the leaf, and `radius`, within which of the
    // leaf's center there are k.
    void gather(const Node &leaf) {
        for (int axis = 0; axis < 3; ++axis) center[axis] = 0.5f * leaf.low[axis] + 0.5f * leaf.high[axis];
        double half2 = 0;
        for (int32_t i = leaf.begin; i < leaf.end; ++i)
            half2 = std::max(half2, distance2(tree.points[i].position, center));
        const double half = std::sqrt(half2);
        double limit2 = ANYWHERE;
        int32_t trigger = k;
        count = 0;
        Stack stack;
        stack.push(0, 0, limit2);
        while (!stack.empty()) {
            const auto [id, gap] = stack.pop();
            const Node &node = tree.nodes[id];
            if (gap > limit2) continue;
            if (!node.leaf()) {
                stack.push_children(tree, node, leaf, limit2);
                continue;
            }
            take(node);
            if (count >= trigger) {
                // A ball around any of the leaf's points that holds the one around the center holds k as well.
                tighten();
                limit2 = (radius + half) * (radius + half) * (1 + ROUNDED) + FLT_MIN;
                trigger = count + count / 2;
            }
        }
        tighten();
    }

    // Measures the squared distances of all candidates from a point of the leaf; returns one that at least k of them are
    // within.
    float measure(const Point &point) {
        measure_kernel(count, x.data(), y.data(), z.data(), point.position, measured.data());
        const double reach = radius + std::sqrt(distance2(point.position, center));
        return rounded_up(reach * reach);
    }

    const Tree &tree;
    const int32_t k;
    int32_t count = 0;
    std::vector<float> x, y, z, measured;
    std::vector<int32_t> row;  // of the caller's array

  private:
    void take(const Node &node) {
        reserve(count + node.size());
        for (int32_t i = node.begin; i < node.end; ++i, ++count) {
            const Point &point = tree.points[i];
            x[count] = point.position[0], y[count] = point.position[1], z[count] = point.position[2];
            row[count] = point.index;
        }
    }

    void tighten() {
        measure_kernel(count, x.data(), y.data(), z.data(), center, measured.data());
        const float highest = *std::max_element(measured.data(), measured.data() + count);
        radius = std::sqrt(limit_kernel(count, measured.data(), k, MORE, highest) * (1 + ROUNDED) + FLT_MIN);
    }

    void reserve(int32_t size) {
        if (size_t(size) + LANES <= x.size()) return;
        const size_t room = 2 * size_t(size) + LANES;
        for (auto *values : {&x, &y, &z, &measured}) values->resize(room);
        row.resize(room);
    }

    float center[3];
    double radius = 0;
};

}  // namespace
}  // namespace saga
