// Merging of neighboring regions, most alike first, into a binary tree (see host.h).
//
// Sums are taken in NumPy's order, so that saga/masks/merging_reference.py gives the same tree to the last bit wherever
// multiplications are not fused with additions.
#include "host.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace {

struct Border {
    double length = 0, strength = 0, closed = 0;
};

typedef std::tuple<double, int64_t, int64_t> Entry;  // cost, newer region, other region

// The sum of up to 128 values as NumPy takes it: eight sums side by side, then what is left over.
template <typename Value>
double sum_of(int64_t count, Value value) {
    if (count < 8) {
        double sum = 0;
        for (int64_t i = 0; i < count; ++i) sum += value(i);
        return sum;
    }
    double part[8];
    int64_t i = 8;
    for (int j = 0; j < 8; ++j) part[j] = value(j);
    for (; i + 8 <= count; i += 8)
        for (int j = 0; j < 8; ++j) part[j] += value(i + j);
    double sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
    for (; i < count; ++i) sum += value(i);
    return sum;
}

struct Regions {
    int64_t l, d, k;
    const saga_merge_costs *weights;
    double *areas, *textures, *colors, *histograms, *boxes, *shown;

    double cost(int64_t one, int64_t other, const Border &border) const {
        const saga_merge_costs &w = *weights;
        const double texture = w.texture * std::min(textures[one], textures[other]);
        const double edge = std::max(border.strength / border.length - texture, 0.0) / w.edge_unit;
        const double *a = histograms + one * d, *b = histograms + other * d;
        const double unlike = 2.0 - sum_of(d, [&](int64_t i) { return std::min(a[i], b[i]); });
        const double size = std::min(areas[one], areas[other]) / w.samples;
        double cost = (edge + unlike + w.color * hue(one, other)) * std::pow(size / w.size_unit, w.size_exponent);
        if (w.emptiness > 0) cost *= 1 + w.emptiness * empty(one, other);
        return cost;
    }

    double hue(int64_t one, int64_t other) const {
        const saga_merge_costs &w = *weights;
        const double *p = colors + 3 * one, *q = colors + 3 * other;
        const double hue = std::min(std::hypot(p[1] - q[1], p[2] - q[2]) / w.hue_unit, w.most_hues);
        return hue + w.hue_lightness * std::min(std::abs(p[0] - q[0]) / w.lightness_unit, 1.0);
    }

    double empty(int64_t one, int64_t other) const {
        const double *p = boxes + 4 * k * one, *q = boxes + 4 * k * other;
        int64_t views = 0;
        const double free = sum_of(k, [&](int64_t v) {
            const double pixels = shown[one * k + v] + shown[other * k + v];
            if (!(pixels > 0)) return 0.0;
            ++views;
            const auto side = [&](int64_t s) { return std::max(p[s * k + v], q[s * k + v]); };
            return (side(0) + side(2)) * (side(1) + side(3)) - pixels;
        });
        return free / double(std::max<int64_t>(views, 1)) / weights->samples;
    }

    void join(int64_t node, int64_t one, int64_t other) const {
        areas[node] = areas[one] + areas[other];
        const double share = areas[one] / areas[node];
        const auto mean = [&](double *values, int64_t width) {
            for (int64_t i = 0; i < width; ++i)
                values[node * width + i] = share * values[one * width + i] + (1 - share) * values[other * width + i];
        };
        mean(textures, 1);
        mean(colors, 3);
        mean(histograms, d);
        for (int64_t i = 0; i < 4 * k; ++i)
            boxes[4 * k * node + i] = std::max(boxes[4 * k * one + i], boxes[4 * k * other + i]);
        for (int64_t v = 0; v < k; ++v) shown[node * k + v] = shown[one * k + v] + shown[other * k + v];
    }
};

}  // namespace

extern "C" int saga_merge(int64_t l, int64_t d, int64_t k, int64_t b, const saga_merge_costs *costs, double *areas,
                          double *textures, double *colors, double *histograms, double *boxes, double *shown,
                          const int64_t *pairs, const double *borders, int64_t *children, double *heights,
                          double *seams, double *around, int64_t *merged) {
    const Regions regions{l, d, k, costs, areas, textures, colors, histograms, boxes, shown};
    const int64_t nodes = std::max<int64_t>(2 * l - 1, 0);
    std::fill(heights, heights + nodes, 0.0);
    std::fill(seams, seams + 2 * nodes, 0.0);
    std::fill(around, around + 2 * nodes, 0.0);
    std::vector<std::unordered_map<int64_t, Border>> neighbors(nodes);
    for (int64_t i = 0; i < b; ++i) {
        const int64_t one = pairs[2 * i], other = pairs[2 * i + 1];
        const Border border{borders[3 * i], borders[3 * i + 1], borders[3 * i + 2]};
        neighbors[one][other] = neighbors[other][one] = border;
        for (const int64_t leaf : {one, other})
            around[2 * leaf] += border.length, around[2 * leaf + 1] += border.closed;
    }
    std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> queue;
    for (int64_t one = 0; one < l; ++one)
        for (const auto &[other, border] : neighbors[one])
            if (other > one) queue.emplace(regions.cost(one, other, border), one, other);
    std::vector<char> alive(nodes, 0);
    std::fill(alive.begin(), alive.begin() + l, 1);
    double highest = 0;
    int64_t node = l;
    while (!queue.empty()) {
        const auto [cost, one, other] = queue.top();
        queue.pop();
        if (!alive[one] || !alive[other]) continue;
        highest = std::max(highest, cost);
        heights[node] = highest;
        children[2 * (node - l)] = one, children[2 * (node - l) + 1] = other;
        const Border common = neighbors[one][other];
        for (const int64_t part : {one, other}) seams[2 * part] = common.length, seams[2 * part + 1] = common.strength;
        around[2 * node] = around[2 * one] + around[2 * other] - 2 * common.length;
        around[2 * node + 1] = around[2 * one + 1] + around[2 * other + 1] - 2 * common.closed;
        regions.join(node, one, other);
        auto &own = neighbors[node];
        for (const int64_t part : {one, other}) {
            for (const auto &[neighbor, border] : neighbors[part]) {
                if (neighbor == one || neighbor == other) continue;
                Border &sum = own[neighbor];
                sum.length += border.length, sum.strength += border.strength, sum.closed += border.closed;
                neighbors[neighbor].erase(part);
            }
            neighbors[part].clear();
        }
        for (const auto &[neighbor, border] : own) {
            neighbors[neighbor][node] = border;
            queue.emplace(regions.cost(node, neighbor, border), node, neighbor);
        }
        alive[one] = alive[other] = 0;
        alive[node++] = 1;
    }
    *merged = node - l;
    return 0;
}
