// The per-pixel loop that rasterizers of this field use: every pixel walks the whole list of its tile, one
// Gaussian at a time, and accumulates 32 channels; its gradient makes one atomic addition per pixel,
// Gaussian and channel. benchmarks/raster.py compiles it and measures it as the yardstick of the CPU backend.
#include <cmath>
#include <cstdint>

namespace {

constexpr int kTile = 16, kSplat = 8, kChannels = 32;

// visit(id, weight) for each Gaussian that pixel (x, y) sees, front to back.
template <class Visit>
void walk(const float *splats, const int64_t *tile_offsets, const int32_t *ids, int columns, int x, int y,
          Visit visit) {
    const int64_t tile = int64_t(y / kTile) * columns + x / kTile;
    float transmittance = 1.0f;
    for (int64_t k = tile_offsets[tile]; k < tile_offsets[tile + 1]; ++k) {
        const float *s = splats + int64_t(ids[k]) * kSplat;
        const float dx = x + 0.5f - s[0], dy = y + 0.5f - s[1];
        const float sigma = 0.5f * (s[2] * dx * dx + s[4] * dy * dy) + s[3] * dx * dy;
        if (sigma < 0.0f) continue;
        const float alpha = std::fmin(0.999f, s[5] * std::exp(-sigma));
        if (alpha < 1.0f / 255.0f) continue;
        const float next = transmittance * (1.0f - alpha);
        if (next <= 1e-4f) break;
        visit(ids[k], alpha * transmittance);
        transmittance = next;
    }
}

}  // namespace

extern "C" void naive_render(int width, int height, const float *splats, const int64_t *tile_offsets,
                             const int32_t *ids, const float *x, float *out) {
#pragma omp parallel for schedule(dynamic, 64)
    for (int64_t p = 0; p < int64_t(width) * height; ++p) {
        float sums[kChannels] = {};
        walk(splats, tile_offsets, ids, (width + kTile - 1) / kTile, int(p % width), int(p / width),
             [&](int32_t id, float weight) {
            for (int c = 0; c < kChannels; ++c) sums[c] += weight * x[int64_t(id) * kChannels + c];
        });
        for (int c = 0; c < kChannels; ++c) out[p * kChannels + c] = sums[c];
    }
}

// out is zero on entry.
extern "C" void naive_lift(int width, int height, const float *splats, const int64_t *tile_offsets, const int32_t *ids,
                           const float *y, float *out) {
#pragma omp parallel for schedule(dynamic, 64)
    for (int64_t p = 0; p < int64_t(width) * height; ++p)
        walk(splats, tile_offsets, ids, (width + kTile - 1) / kTile, int(p % width), int(p / width),
             [&](int32_t id, float weight) {
            for (int c = 0; c < kChannels; ++c) {
                const float value = weight * y[p * kChannels + c];
#pragma omp atomic
                out[int64_t(id) * kChannels + c] += value;
            }
        });
}

// Without indices, the number of entries of each row; with them, the rows themselves.
extern "C" void naive_rows(int width, int64_t count, const int32_t *pixels, const float *splats,
                           const int64_t *tile_offsets, const int32_t *ids, int64_t *indptr, int32_t *indices,
                           float *weights) {
#pragma omp parallel for schedule(dynamic, 64)
    for (int64_t p = 0; p < count; ++p) {
        int64_t cursor = indices ? indptr[p] : 0;
        walk(splats, tile_offsets, ids, (width + kTile - 1) / kTile, pixels[2 * p], pixels[2 * p + 1],
             [&](int32_t id, float weight) {
            if (indices) {
                indices[cursor] = id;
                weights[cursor] = weight;
            }
            ++cursor;
        });
        if (!indices) indptr[p + 1] = cursor;
    }
}

// Multiply-adds in registers, by every thread: the most that a processor does. Returns how many of them one thread makes in
// a round, and makes none of them disappear.
extern "C" int64_t multiply_adds(int64_t rounds) {
    typedef float Vector __attribute__((vector_size(64)));
    constexpr int kSums = 16;
#pragma omp parallel
    {
        Vector sums[kSums] = {};
        for (Vector &sum : sums) asm volatile("" : "+m"(sum));  // no longer known to be alike
        for (int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 16
            for (int k = 0; k < kSums; ++k) sums[k] = sums[k] * 0.5f + 1.0f;
        for (Vector &sum : sums) asm volatile("" : : "m"(sum));
    }
    return kSums * 16;
}
