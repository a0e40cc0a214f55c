// Products with cached rows of A, and the Adam step on the Gaussians they touch.
//
// Transposed products need no atomics: thread t owns the Gaussians with id % threads == t, every
// thread reads all indices and adds only its own, in row order, so results do not depend on the
// number of threads.
#include <algorithm>
#include <cstring>

#include "common.hpp"
#include "openmp.hpp"

namespace {

constexpr int64_t kAhead = 8;  // entries between a prefetch and its use

SAGA_INLINE void gather(const saga_rows *rows, int64_t begin, int64_t end, const int64_t *selected, int64_t c,
                        const float *x, float *out) {
    for (int64_t k = begin; k < end; ++k) {
        const int64_t row = selected[k], last = rows->indptr[row + 1];
        const float share = 1.0f / float(last - rows->indptr[row]);
        float *sum = out + k * c;
        for (int64_t j = 0; j < c; ++j) sum[j] = 0.0f;
        for (int64_t e = rows->indptr[row]; e < last; ++e) {
            const float *ahead = x + int64_t(rows->indices[std::min(e + kAhead, last - 1)]) * c;
            for (int64_t j = 0; j < c; j += 16) __builtin_prefetch(ahead + j);
            const float *value = x + int64_t(rows->indices[e]) * c;
            const float w = rows->weights != nullptr ? rows->weights[e] : share;
            for (int64_t j = 0; j < c; ++j) sum[j] += w * value[j];
        }
    }
}

SAGA_CLONES void gather_32(const saga_rows *rows, int64_t begin, int64_t end, const int64_t *selected, int64_t,
                           const float *x, float *out) {
    gather(rows, begin, end, selected, 32, x, out);
}
SAGA_CLONES void gather_any(const saga_rows *rows, int64_t begin, int64_t end, const int64_t *selected, int64_t c,
                            const float *x, float *out) {
    gather(rows, begin, end, selected, c, x, out);
}

// Adds this thread's share of rows^T y to out, at the row that place(id) names.
template <class Place>
SAGA_INLINE void scatter(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t c, const float *y,
                         float *out, uint32_t thread, uint32_t threads, Place place) {
    for (int64_t k = 0; k < s; ++k) {
        const int64_t row = selected[k];
        const float *value = y + k * c;
        for (int64_t e = rows->indptr[row]; e < rows->indptr[row + 1]; ++e) {
            const int32_t id = place(rows->indices[e]);
            const int32_t ahead = place(rows->indices[std::min(e + kAhead, rows->indptr[row + 1] - 1)]);
            if (uint32_t(ahead) % threads == thread) __builtin_prefetch(out + int64_t(ahead) * c, 1);
            if (uint32_t(id) % threads != thread) continue;
            const float w = rows->weights[e];
            float *sum = out + int64_t(id) * c;
            for (int64_t j = 0; j < c; ++j) sum[j] += w * value[j];
        }
    }
}

SAGA_CLONES void scatter_any(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t c, const float *y,
                             float *out, uint32_t thread, uint32_t threads) {
    scatter(rows, s, selected, c, y, out, thread, threads,
            [](int32_t id) __attribute__((always_inline)) { return id; });
}

struct Adam {
    float *x, *first, *second;
    int32_t *steps;
    float rate, beta1, beta2, epsilon;
};

SAGA_INLINE void adam_row(const Adam &adam, int64_t id, int64_t c, float *gradient) {
    const int32_t step = ++adam.steps[id];
    const float correct1 = 1.0f - __builtin_powif(adam.beta1, step),
                correct2 = 1.0f - __builtin_powif(adam.beta2, step);
    const float rate = adam.rate / correct1, inverse = 1.0f / correct2;
    float *x = adam.x + id * c, *first = adam.first + id * c, *second = adam.second + id * c;
    for (int64_t j = 0; j < c; ++j) {
        const float g = gradient[j];
        first[j] += (1.0f - adam.beta1) * (g - first[j]);
        second[j] += (1.0f - adam.beta2) * (g * g - second[j]);
        x[j] -= rate * first[j] / (__builtin_sqrtf(second[j] * inverse) + adam.epsilon);
        gradient[j] = 0.0f;
    }
}

SAGA_INLINE void fetch_row(const Adam &adam, int64_t id, int64_t c) {
    for (int64_t j = 0; j < c; j += 16) {
        __builtin_prefetch(adam.x + id * c + j, 1);
        __builtin_prefetch(adam.first + id * c + j, 1);
        __builtin_prefetch(adam.second + id * c + j, 1);
    }
    __builtin_prefetch(adam.steps + id, 1);
}

// What a step touches: Gaussian list[k] has gradient row k, and slot[list[k]] = k + 1; all others have slot 0.
struct Touched {
    float *gradient;
    int32_t *slot, *list;
};

int64_t find_touched(const saga_rows *rows, int64_t s, const int64_t *selected, const Touched &touched) {
    int64_t count = 0;
    for (int64_t k = 0; k < s; ++k) {
        const int64_t end = rows->indptr[selected[k] + 1];
        for (int64_t e = rows->indptr[selected[k]]; e < end; ++e) {
            __builtin_prefetch(touched.slot + rows->indices[std::min(e + kAhead, end - 1)], 1);
            int32_t &slot = touched.slot[rows->indices[e]];
            if (slot != 0) continue;
            touched.list[count++] = rows->indices[e];
            slot = int32_t(count);
        }
    }
    return count;
}

SAGA_INLINE void adam_share(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t c, const float *y,
                            const Adam &adam, const Touched &touched, int64_t count, uint32_t thread,
                            uint32_t threads) {
    const int32_t *slot = touched.slot;
    scatter(rows, s, selected, c, y, touched.gradient, thread, threads,
            [slot](int32_t id) __attribute__((always_inline)) { return slot[id] - 1; });
    for (int64_t k = thread; k < count; k += threads) {
        // Rows lie scattered over large arrays: without fetching ahead each waits for memory.
        if (k + kAhead * threads < count) fetch_row(adam, touched.list[k + kAhead * threads], c);
        adam_row(adam, touched.list[k], c, touched.gradient + k * c);
    }
}

SAGA_CLONES void adam_share_32(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t, const float *y,
                               const Adam &adam, const Touched &touched, int64_t count, uint32_t thread,
                               uint32_t threads) {
    adam_share(rows, s, selected, 32, y, adam, touched, count, thread, threads);
}
SAGA_CLONES void adam_share_any(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t c, const float *y,
                                const Adam &adam, const Touched &touched, int64_t count, uint32_t thread,
                                uint32_t threads) {
    adam_share(rows, s, selected, c, y, adam, touched, count, thread, threads);
}

}  // namespace

extern "C" int saga_rows_render(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t c, const float *x,
                                float *out, void *) {
    const auto kernel = c == 32 ? gather_32 : gather_any;
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t begin = 0; begin < s; begin += 64) kernel(rows, begin, std::min(s, begin + 64), selected, c, x, out);
    return 0;
}

extern "C" int64_t saga_rows_lift_workspace(int64_t, int64_t) { return 0; }

extern "C" int saga_rows_lift(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t n, int64_t c,
                              const float *y, float *out, void *, void *) {
    std::fill(out, out + n * c, 0.0f);
#pragma omp parallel
    scatter_any(rows, s, selected, c, y, out, omp_get_thread_num(), omp_get_num_threads());
    return 0;
}

// Gradients [m, c], slots [n], list [m].
extern "C" int64_t saga_rows_adam_workspace(int64_t n, int64_t c, int64_t m) {
    return m * c * int64_t(sizeof(float)) + (n + m) * int64_t(sizeof(int32_t));
}

extern "C" int saga_rows_adam(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t n, int64_t c,
                              int64_t m, const float *y, float *x, float *first, float *second, int32_t *steps,
                              float rate, float beta1, float beta2, float epsilon, void *workspace, void *) {
    float *gradient = static_cast<float *>(workspace);
    int32_t *slot = reinterpret_cast<int32_t *>(gradient + m * c);
    const Touched touched{gradient, slot, slot + n};
    const Adam adam{x, first, second, steps, rate, beta1, beta2, epsilon};
    const auto kernel = c == 32 ? adam_share_32 : adam_share_any;
    const int64_t count = find_touched(rows, s, selected, touched);
#pragma omp parallel
    kernel(rows, s, selected, c, y, adam, touched, count, omp_get_thread_num(), omp_get_num_threads());
    for (int64_t k = 0; k < count; ++k) slot[touched.list[k]] = 0;
    return 0;
}

extern "C" int saga_threads(void) { return omp_get_max_threads(); }

extern "C" const char *saga_error_string(int code) {
    switch (code) {
        case 0:
            return "no error";
        case SAGA_ERROR_TILE_COUNTS:
            return "tile counts do not match the projected Gaussians";
        default:
            return "unknown error";
    }
}
