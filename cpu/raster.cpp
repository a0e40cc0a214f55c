// render (A x), lift (A^T y) and sampled rows of A, tile by tile.
//
// A tile's transmittances live in one 16 x 16 block. For each Gaussian, front to back, the alphas of the
// rows it reaches are computed 16 pixels at a time; render scatters weight * x into the tile's
// accumulator, lift gathers weight * y into the Gaussian's. All weights of a Gaussian are found before the first is used:
// the processor then finds those of the next while it waits for these products.
// Each kernel fusing other products and sums would give render, lift and rows different weights.
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include <algorithm>
#include <cstring>
#include <vector>

#include "openmp.hpp"
#include "tile.hpp"

namespace {

using namespace saga;

constexpr int kChannels = 32;  // channels blended per walk of a tile
constexpr int kPoll = 16;      // Gaussians between two looks at whether the tile is finished
constexpr int kAhead = 8;      // Gaussians between fetching a splat and blending it

// The weights of one Gaussian in a tile, and a bit for each pixel that has one: four rows in a word.
struct Weights {
    alignas(64) float values[T * T];
    Rows rows;
};

// visit(pixel, weight) for the pixels that have a weight.
template <class Visit>
SAGA_INLINE void for_each_weight(const Weights &weights, Visit visit) {
    constexpr int kRows = 64 / T;
    uint64_t some[T / kRows] = {};
    for (int r = weights.rows.top; r < weights.rows.bottom; ++r)
        some[r / kRows] |= saga::positive(weights.values + r * T) << r % kRows * T;
    for (int w = weights.rows.top / kRows; w * kRows < weights.rows.bottom; ++w)
        for (uint64_t left = some[w]; left != 0; left &= left - 1) {
            const int pixel = w * 64 + __builtin_ctzll(left);
            visit(pixel, weights.values[pixel]);
        }
}

// Walks the tile's Gaussians front to back: visit(id, weights).
template <class Visit>
SAGA_INLINE void walk(const Tile &tile, const float *splats, const int32_t *ids, int64_t begin, int64_t end,
                      Visit visit) {
    alignas(64) float transmittance[T * T];
    Weights weights;
    // Pixels outside the image have ended before the first Gaussian.
    for (int r = 0; r < T; ++r)
        for (int l = 0; l < T; ++l) transmittance[r * T + l] = r < tile.height && l < tile.width ? 1.0f : 0.0f;
    for (int64_t k = begin; k < end; ++k) {
        __builtin_prefetch(splats + int64_t(ids[std::min(k + kAhead, end - 1)]) * SAGA_SPLAT);
        const float *splat = splats + int64_t(ids[k]) * SAGA_SPLAT;
        const Rows rows = rows_of(splat, tile);
        const float dx0 = tile.x0 + 0.5f - splat[0];
        for (int r = rows.top; r < rows.bottom; ++r)
            blend_row(splat, dx0, tile.y0 + r + 0.5f - splat[1], transmittance + r * T, weights.values + r * T);
        weights.rows = rows;
        visit(ids[k], weights);
        if ((k - begin) % kPoll == kPoll - 1 && finished(transmittance)) break;
    }
}

// Few channels are blended 16 pixels at a time, from one plane per channel; many are blended one pixel at a time.
constexpr int kPlanes = 4;
constexpr bool planar(int count) { return count <= kPlanes; }

// Place of a value in a tile's block of count channels.
SAGA_INLINE int place_of(int count, int pixel, int channel) {
    return planar(count) ? channel * T * T + pixel : pixel * count + channel;
}

// count channels starting at x, of rows of c floats.
SAGA_INLINE void render_tile(const Tile &tile, const float *splats, const int32_t *ids, int64_t begin, int64_t end,
                             int64_t c, int count, const float *__restrict x, float *__restrict sums) {
    std::memset(sums, 0, sizeof(float) * T * T * count);
    walk(tile, splats, ids, begin, end, [&](int32_t id, const Weights &weights) __attribute__((always_inline)) {
        const float *value = x + int64_t(id) * c;
        for (int r = weights.rows.top; planar(count) && r < weights.rows.bottom; ++r)
            for (int j = 0; j < count; ++j) {
                float *__restrict sum = sums + place_of(count, r * T, j);
#pragma omp simd
                for (int l = 0; l < T; ++l) sum[l] += weights.values[r * T + l] * value[j];
            }
        if (planar(count)) return;
        for_each_weight(weights, [&](int pixel, float weight) __attribute__((always_inline)) {
            float *__restrict sum = sums + place_of(count, pixel, 0);
#pragma omp simd
            for (int j = 0; j < count; ++j) sum[j] += weight * value[j];
        });
    });
}

// add(id, gradient) receives the count channels of each Gaussian once per tile.
template <class Add>
SAGA_INLINE void lift_tile_planes(const Tile &tile, const float *splats, const int32_t *ids, int64_t begin, int64_t end,
                                  int count, const float *block, Add add) {
    walk(tile, splats, ids, begin, end, [&](int32_t id, const Weights &weights) __attribute__((always_inline)) {
        alignas(64) float lanes[kPlanes * T] = {};
        for (int r = weights.rows.top; r < weights.rows.bottom; ++r)
            for (int j = 0; j < count; ++j) {
                const float *value = block + place_of(count, r * T, j), *weight = weights.values + r * T;
                float *__restrict lane = lanes + j * T;
#pragma omp simd
                for (int l = 0; l < T; ++l) {
                    // Pixels without a weight hold anything, and must not turn it into NaN.
                    lane[l] += weight[l] > 0.0f ? weight[l] * value[l] : 0.0f;
                }
            }
        float gradient[kPlanes];
        for (int j = 0; j < count; ++j) {
            float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
            for (int l = 0; l < T; ++l) sum += lanes[j * T + l];
            gradient[j] = sum;
        }
        add(id, gradient);
    });
}

template <class Add>
SAGA_INLINE void lift_tile_pixels(const Tile &tile, const float *splats, const int32_t *ids, int64_t begin, int64_t end,
                                  int count, const float *block, Add add) {
    walk(tile, splats, ids, begin, end, [&](int32_t id, const Weights &weights) __attribute__((always_inline)) {
        alignas(64) float gradient[kChannels] = {};
        bool any = false;
        for_each_weight(weights, [&](int pixel, float weight) __attribute__((always_inline)) {
            const float *value = block + place_of(count, pixel, 0);
            any = true;
#pragma omp simd
            for (int j = 0; j < count; ++j) gradient[j] += weight * value[j];
        });
        if (any) add(id, gradient);
    });
}

// Splits tiles into one contiguous span per thread, of about equal pairs.
std::vector<int64_t> spans(const int64_t *tile_offsets, int64_t tiles, int threads) {
    std::vector<int64_t> bounds(threads + 1, tiles);
    bounds[0] = 0;
    // A tile costs about as much as 64 pairs even when it is empty.
    const int64_t total = tile_offsets[tiles] + 64 * tiles;
    int64_t tile = 0;
    for (int s = 1; s < threads; ++s) {
        while (tile < tiles && tile_offsets[tile] + 64 * tile < total * s / threads) ++tile;
        bounds[s] = tile;
    }
    return bounds;
}

// Where a span's sums of one Gaussian go: straight to the output when no other span touches it, else to
// the span's own shelf, so that spans never write the same place and the result is deterministic.
struct Destination {
    float *out;
    int64_t stride;
    float *shelf;
    const int32_t *slots;
};

SAGA_INLINE void add_to(const Destination &to, int32_t id, int count, const float *gradient) {
    const int32_t slot = to.slots[id];
    float *target = slot < 0 ? to.out + int64_t(id) * to.stride : to.shelf + int64_t(slot) * count;
    for (int j = 0; j < count; ++j) target[j] += gradient[j];
}

using Render = void (*)(const Tile &, const float *, const int32_t *, int64_t, int64_t, int64_t, int, const float *,
                        float *);
using Lift = void (*)(const Tile &, const float *, const int32_t *, int64_t, int64_t, int, const float *,
                      const Destination &);

// The compiler unrolls kernels of a known number of channels.
#define SAGA_RENDER(NAME, COUNT)                                                                              \
    SAGA_CLONES void NAME(const Tile &t, const float *s, const int32_t *ids, int64_t b, int64_t e, int64_t c, \
                          [[maybe_unused]] int count, const float *x, float *sums) {                          \
        render_tile(t, s, ids, b, e, c, COUNT, x, sums);                                                      \
    }
#define SAGA_LIFT(NAME, COUNT, TILE)                                                                        \
    SAGA_CLONES void NAME(const Tile &t, const float *s, const int32_t *ids, int64_t b, int64_t e,          \
                          [[maybe_unused]] int count, const float *block, const Destination &to) {          \
        TILE(t, s, ids, b, e, COUNT, block, [&](int32_t id, const float *g) { add_to(to, id, COUNT, g); }); \
    }
SAGA_RENDER(render_1, 1)
SAGA_RENDER(render_2, 2)
SAGA_RENDER(render_3, 3)
SAGA_RENDER(render_4, 4)
SAGA_RENDER(render_32, 32)
SAGA_RENDER(render_any, count)
SAGA_LIFT(lift_1, 1, lift_tile_planes)
SAGA_LIFT(lift_2, 2, lift_tile_planes)
SAGA_LIFT(lift_3, 3, lift_tile_planes)
SAGA_LIFT(lift_4, 4, lift_tile_planes)
SAGA_LIFT(lift_32, 32, lift_tile_pixels)
SAGA_LIFT(lift_any, count, lift_tile_pixels)

Render render_kernel(int count) {
    constexpr Render few[kPlanes] = {render_1, render_2, render_3, render_4};
    return planar(count) ? few[count - 1] : count == kChannels ? render_32 : render_any;
}

Lift lift_kernel(int count) {
    constexpr Lift few[kPlanes] = {lift_1, lift_2, lift_3, lift_4};
    return planar(count) ? few[count - 1] : count == kChannels ? lift_32 : lift_any;
}

// Copies count channels of a tile of an image of c into block; false when all of them are 0.
SAGA_CLONES bool fill(const saga_camera *camera, const Tile &tile, int64_t c, int count, const float *y, float *block) {
    bool any = false;
    for (int r = 0; r < tile.height; ++r)
        for (int l = 0; l < tile.width; ++l) {
            const float *value = y + ((int64_t(tile.y0) + r) * camera->width + int64_t(tile.x0) + l) * c;
            for (int j = 0; j < count; ++j) {
                block[place_of(count, r * T + l, j)] = value[j];
                any |= value[j] != 0.0f;
            }
        }
    return any;
}

// Gaussians that more than one span lists, numbered; others have a negative number.
int32_t number_shared(int64_t n, const int64_t *tile_offsets, const int32_t *ids, const std::vector<int64_t> &bounds,
                      int32_t *slots) {
    constexpr int32_t kNone = -1;
    std::fill(slots, slots + n, kNone);
    int32_t shared = 0;
    const int count_spans = int(bounds.size()) - 1;
    for (int s = 0; s < count_spans && count_spans > 1; ++s) {
        const int32_t here = kNone - 1 - s;
        for (int64_t k = tile_offsets[bounds[s]]; k < tile_offsets[bounds[s + 1]]; ++k) {
            int32_t &slot = slots[ids[k]];
            if (slot == kNone) slot = here;
            if (slot < 0 && slot != here) slot = shared++;
        }
    }
    return shared;
}

}  // namespace

extern "C" int saga_render(const saga_camera *camera, const float *splats, const int64_t *tile_offsets,
                           const int32_t *ids, int64_t c, const float *x, float *out, int, void *) {
    const int64_t tiles = int64_t(saga::tile_columns(camera)) * saga::tile_rows(camera);
#pragma omp parallel for schedule(dynamic, 4)
    for (int64_t tile = 0; tile < tiles; ++tile) {
        alignas(64) float sums[T * T * kChannels];
        const Tile at = tile_at(camera, tile);
        for (int64_t first = 0; first < c; first += kChannels) {
            const int count = int(std::min<int64_t>(kChannels, c - first));
            render_kernel(count)(at, splats, ids, tile_offsets[tile], tile_offsets[tile + 1], c, count, x + first,
                                 sums);
            for (int r = 0; r < at.height; ++r)
                for (int l = 0; l < at.width; ++l) {
                    const int64_t pixel = (int64_t(at.y0) + r) * camera->width + int64_t(at.x0) + l;
                    for (int j = 0; j < count; ++j) out[pixel * c + first + j] = sums[place_of(count, r * T + l, j)];
                }
        }
    }
    return 0;
}

// Slots of every Gaussian, and a shelf for each thread of at most n shared Gaussians.
extern "C" int64_t saga_lift_workspace(const saga_camera *, int64_t n, int64_t, int) {
    return n * int64_t(sizeof(int32_t));
}

extern "C" int saga_lift(const saga_camera *camera, int64_t n, const float *splats, const int64_t *tile_offsets,
                         const int32_t *ids, int64_t c, const float *y, float *out, int, void *workspace, void *) {
    const int64_t tiles = int64_t(saga::tile_columns(camera)) * saga::tile_rows(camera);
    const std::vector<int64_t> bounds = spans(tile_offsets, tiles, omp_get_max_threads());
    const int count_spans = int(bounds.size()) - 1;
    int32_t *slots = static_cast<int32_t *>(workspace);
    const int32_t shared = number_shared(n, tile_offsets, ids, bounds, slots);
    std::fill(out, out + n * c, 0.0f);
    std::vector<float> shelves(size_t(count_spans) * shared * std::min<int64_t>(c, kChannels));
    for (int64_t first = 0; first < c; first += kChannels) {
        const int count = int(std::min<int64_t>(kChannels, c - first));
        const Lift kernel = lift_kernel(count);
        std::fill(shelves.begin(), shelves.end(), 0.0f);
#pragma omp parallel for schedule(static, 1)
        for (int s = 0; s < count_spans; ++s) {
            alignas(64) float block[T * T * kChannels];
            const Destination to{out + first, c, shelves.data() + size_t(s) * shared * count, slots};
            for (int64_t tile = bounds[s]; tile < bounds[s + 1]; ++tile) {
                const Tile at = tile_at(camera, tile);
                // Most masks are 0 in most tiles.
                if (!fill(camera, at, c, count, y + first, block)) continue;
                kernel(at, splats, ids, tile_offsets[tile], tile_offsets[tile + 1], count, block, to);
            }
        }
        for (int64_t i = 0; i < n; ++i)
            if (slots[i] >= 0)
                for (int s = 0; s < count_spans; ++s)
                    for (int j = 0; j < count; ++j)
                        out[i * c + first + j] += shelves[(size_t(s) * shared + slots[i]) * count + j];
    }
    return 0;
}
