// Rows of A at sampled pixels. A tile's list is laid out channel by channel once for all of its pixels, and each pixel
// takes a register of Gaussians at a time: few pixels of a tile are sampled, but its list is long.
// Each kernel fusing other products and sums would give render, lift and rows different weights.
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include "pixels.hpp"

namespace {

using namespace saga;

constexpr int kBatch = 128;   // Gaussians laid out at a time
constexpr int kWord = 64;     // Gaussians of a word of bits
constexpr int kPixels = 256;  // pixels that walk a list together

// Gaussians of a list, channel by channel; those that fill up the last register have opacity 0.
struct Batch {
    alignas(64) float x[kBatch], y[kBatch], a[kBatch], b[kBatch], c[kBatch], opacity[kBatch];
};

// Lays out entries [begin, begin + count) of a list.
SAGA_INLINE void lay_out(const Lists &lists, int64_t begin, int count, Batch &to) {
    // Splats of a list lie anywhere: all are fetched before the first is waited for.
    for (int k = 0; k < count; ++k) __builtin_prefetch(lists.splat(begin + k));
    for (int k = 0; k < count; ++k) {
        const float *splat = lists.splat(begin + k);
        to.x[k] = splat[0], to.y[k] = splat[1];
        to.a[k] = splat[2], to.b[k] = splat[3], to.c[k] = splat[4];
        to.opacity[k] = splat[5];
    }
    for (int k = count; k % kLanes != 0; ++k) to.x[k] = to.y[k] = to.a[k] = to.b[k] = to.c[k] = to.opacity[k] = 0.0f;
}

// What a batch is at one pixel: alphas, and a bit for each that is not 0.
struct Alphas {
    alignas(64) float values[kBatch];
    uint64_t some[kBatch / kWord];
};

SAGA_INLINE void find_alphas(const Batch &batch, int count, const int32_t *pixel, Alphas &alphas) {
    const float x = pixel[0] + 0.5f, y = pixel[1] + 0.5f;
    for (uint64_t &word : alphas.some) word = 0;
    for (int first = 0; first < count; first += kLanes) {
        float *__restrict values = alphas.values + first;
#pragma omp simd
        for (int l = 0; l < kLanes; ++l) {
            const int k = first + l;
            values[l] =
                saga_alpha(batch.a[k], batch.b[k], batch.c[k], batch.opacity[k], x - batch.x[k], y - batch.y[k]);
        }
        alphas.some[first / kWord] |= positive(values) << first % kWord;
    }
}

// visit(entry, weight) for the Gaussians of a batch that have weight at a pixel, front to back, while light passes.
// Returns what passes all of them.
template <class Visit>
SAGA_INLINE float blend(const Alphas &alphas, int count, float passing, Visit visit) {
    for (int first = 0; first < count; first += kWord)
        for (uint64_t some = alphas.some[first / kWord]; some != 0; some &= some - 1) {
            const int k = first + __builtin_ctzll(some);
            // As saga_blend, but the next entry waits for one product only.
            const float next = passing * (1.0f - alphas.values[k]);
            if (!(next > SAGA_TRANSMITTANCE_MIN)) return 0.0f;
            visit(k, alphas.values[k] * passing);
            passing = next;
        }
    return passing;
}

// Pixels of a tile that have not ended, and what passes to each of them.
struct Passing {
    float transmittance[kPixels];
    int16_t pixel[kPixels];
    int count;
};

// sink.open(pixel), sink.put(id, weight) for entries of its row, front to back, sink.close(pixel): at most kPixels pixels
// of one tile, in turn for each batch of its list.
template <class Sink>
SAGA_INLINE void walk_rows(const Lists &lists, const int32_t *pixels, int count, Sink sink) {
    const int64_t tile = lists.tile_of(pixels), end = lists.tile_offsets[tile + 1];
    Passing passing;
    passing.count = count;
    for (int p = 0; p < count; ++p) passing.transmittance[p] = 1.0f, passing.pixel[p] = int16_t(p);
    Batch batch;
    Alphas alphas[2];
    for (int64_t begin = lists.tile_offsets[tile]; begin < end && passing.count > 0; begin += kBatch) {
        const int size = int(std::min<int64_t>(kBatch, end - begin));
        const int32_t *ids = lists.ids + begin;
        lay_out(lists, begin, size, batch);
        find_alphas(batch, size, pixels + 2 * passing.pixel[0], alphas[0]);
        int kept = 0;
        for (int i = 0; i < passing.count; ++i) {
            // The processor finds the alphas of the next pixel while it waits for this one's products, one after another.
            if (i + 1 < passing.count) find_alphas(batch, size, pixels + 2 * passing.pixel[i + 1], alphas[(i + 1) % 2]);
            const int16_t p = passing.pixel[i];
            sink.open(p);
            const float rest =
                blend(alphas[i % 2], size, passing.transmittance[i],
                      [&](int k, float weight) __attribute__((always_inline)) { sink.put(ids[k], weight); });
            sink.close(p);
            passing.transmittance[kept] = rest;
            passing.pixel[kept] = p;
            kept += rest > 0.0f;
        }
        passing.count = kept;
    }
}

struct Counter {
    int32_t *counts, count;

    void open(int p) { count = counts[p]; }
    void put(int32_t, float) { ++count; }
    void close(int p) { counts[p] = count; }
};

struct Writer {
    int64_t *cursors;
    int32_t *indices;
    float *values;
    int64_t entry;

    void open(int p) { entry = cursors[p]; }
    void put(int32_t id, float weight) {
        indices[entry] = id;
        values[entry++] = weight;
    }
    void close(int p) { cursors[p] = entry; }
};

SAGA_CLONES void count_entries(const Lists &lists, const int32_t *pixels, int count, int32_t *counts) {
    std::fill(counts, counts + count, 0);
    walk_rows(lists, pixels, count, Counter{counts, 0});
}

SAGA_CLONES void fill_entries(const Lists &lists, const int32_t *pixels, int count, const int64_t *starts,
                              int32_t *indices, float *values) {
    int64_t cursors[kPixels];
    std::copy(starts, starts + count, cursors);
    walk_rows(lists, pixels, count, Writer{cursors, indices, values, 0});
}

}  // namespace

extern "C" int saga_rows_count(const saga_camera *camera, const float *splats, const int64_t *tile_offsets,
                               const int32_t *ids, const int32_t *pixels, int64_t r, const int64_t *runs,
                               int32_t *counts, void *) {
    const Lists lists{camera, splats, tile_offsets, ids};
    for_each_group<kPixels>(r, runs,
                            [&](int64_t p, int count) { count_entries(lists, pixels + 2 * p, count, counts + p); });
    return 0;
}

extern "C" int saga_rows_fill(const saga_camera *camera, const float *splats, const int64_t *tile_offsets,
                              const int32_t *ids, const int32_t *pixels, int64_t r, const int64_t *runs,
                              const int64_t *starts, int32_t *indices, float *weights, void *) {
    const Lists lists{camera, splats, tile_offsets, ids};
    for_each_group<kPixels>(r, runs, [&](int64_t p, int count) {
        fill_entries(lists, pixels + 2 * p, count, starts + p, indices, weights);
    });
    return 0;
}
