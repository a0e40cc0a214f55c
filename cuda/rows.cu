// Products with cached rows of A, and the Adam step on the Gaussians they touch. One warp per row, one lane per channel.
//
// Transposed sums are made in fixed point, so training repeats bit for bit whatever the order of the atomics.
#include "fixed.cuh"

namespace {

using namespace saga;

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;

__device__ __forceinline__ int64_t warp_index() { return int64_t(blockIdx.x) * kWarps + warp_id(); }
int64_t blocks_of(int64_t warps) { return ceil_div(warps, kWarps); }

// visit(id, weight) for every entry of a row, by all lanes together; entries are read 32 at a time.
template <class Visit>
__device__ __forceinline__ void for_each_entry(const saga_rows &rows, int64_t row, Visit visit) {
    const int64_t end = rows.indptr[row + 1];
    const float share = 1.0f / float(end - rows.indptr[row]);
    for (int64_t begin = rows.indptr[row]; begin < end; begin += kWarp) {
        const int64_t e = begin + lane_id();
        const int32_t id = e < end ? rows.indices[e] : 0;
        const float weight = e >= end ? 0.0f : rows.weights != nullptr ? rows.weights[e] : share;
        const int count = int(min(int64_t(kWarp), end - begin));
        for (int k = 0; k < count; ++k) visit(__shfl_sync(kAllLanes, id, k), __shfl_sync(kAllLanes, weight, k));
    }
}

__global__ void __launch_bounds__(kThreads)
    gather_kernel(saga_rows rows, int64_t s, const int64_t *__restrict__ selected, int64_t c,
                  const float *__restrict__ x, float *__restrict__ out) {
    const int64_t k = warp_index();
    if (k >= s) return;
    for (int64_t first = 0; first < c; first += kWarp) {
        const int64_t channel = first + lane_id();
        float sum = 0.0f;
        for_each_entry(rows, selected[k], [&](int32_t id, float weight) {
            if (channel < c) sum += weight * x[int64_t(id) * c + channel];
        });
        if (channel < c) out[k * c + channel] = sum;
    }
}

// Adds row k's share of rows^T y to sums, at the row that place(id) names.
template <class Place>
__device__ __forceinline__ void scatter(const saga_rows &rows, int64_t k, const int64_t *selected, int64_t c,
                                        const float *y, double scale, unsigned long long *sums, Place place) {
    for (int64_t first = 0; first < c; first += kWarp) {
        const int64_t channel = first + lane_id();
        const float value = channel < c ? y[k * c + channel] : 0.0f;
        for_each_entry(rows, selected[k], [&](int32_t id, float weight) {
            if (channel < c) fixed_add(&sums[place(id) * c + channel], weight * value, scale);
        });
    }
}

__global__ void __launch_bounds__(kThreads)
    scatter_kernel(saga_rows rows, int64_t s, const int64_t *__restrict__ selected, int64_t c,
                   const float *__restrict__ y, const unsigned *__restrict__ largest,
                   unsigned long long *__restrict__ sums) {
    const int64_t k = warp_index();
    if (k < s) scatter(rows, k, selected, c, y, fixed_scale(largest, s), sums, [](int32_t id) { return int64_t(id); });
}

// Everything that a step needs beside the moments. Gaussian list[k] has row k of the sums, and slot[list[k]] = k + 1; all
// others have slot 0. All but the list is zero between steps.
struct AdamWorkspace {
    unsigned *largest, *count;
    unsigned long long *sums;
    int32_t *list;
    int32_t *slot;
    int64_t bytes;

    AdamWorkspace(int64_t n, int64_t c, int64_t m, void *workspace) {
        Arena arena(workspace);
        largest = arena.take<unsigned>(1);
        count = arena.take<unsigned>(1);
        sums = arena.take<unsigned long long>(m * c);
        list = arena.take<int32_t>(m);
        slot = arena.take<int32_t>(n);
        bytes = arena.size;
    }
};

// One lane for each entry.
__global__ void __launch_bounds__(kThreads)
    find_touched_kernel(saga_rows rows, int64_t s, const int64_t *__restrict__ selected, AdamWorkspace work) {
    const int64_t k = warp_index();
    if (k >= s) return;
    for (int64_t e = rows.indptr[selected[k]] + lane_id(); e < rows.indptr[selected[k] + 1]; e += kWarp) {
        const int32_t id = rows.indices[e];
        if (atomicExch(&work.slot[id], -1) != 0) continue;
        work.list[atomicAdd(work.count, 1u)] = id;
    }
}

__global__ void __launch_bounds__(kThreads) number_touched_kernel(AdamWorkspace work) {
    const int64_t count = *work.count;
    for (int64_t k = int64_t(blockIdx.x) * kThreads + threadIdx.x; k < count; k += int64_t(gridDim.x) * kThreads)
        work.slot[work.list[k]] = int32_t(k + 1);
}

__global__ void __launch_bounds__(kThreads)
    scatter_adam_kernel(saga_rows rows, int64_t s, const int64_t *__restrict__ selected, int64_t c,
                        const float *__restrict__ y, AdamWorkspace work) {
    const int64_t k = warp_index();
    if (k >= s) return;
    scatter(rows, k, selected, c, y, fixed_scale(work.largest, s), work.sums,
            [&](int32_t id) { return int64_t(work.slot[id]) - 1; });
}

struct Adam {
    float *x, *first, *second;
    int32_t *steps;
    float rate, beta1, beta2, epsilon;
};

__global__ void __launch_bounds__(kThreads) adam_kernel(Adam adam, int64_t s, int64_t c, AdamWorkspace work) {
    const double scale = fixed_scale(work.largest, s);
    const int64_t count = *work.count;
    for (int64_t k = warp_index(); k < count; k += int64_t(gridDim.x) * kWarps) {
        const int64_t id = work.list[k];
        const int32_t step = adam.steps[id] + 1;
        const float rate = adam.rate / (1.0f - powf(adam.beta1, float(step)));
        const float inverse = 1.0f / (1.0f - powf(adam.beta2, float(step)));
        for (int64_t channel = lane_id(); channel < c; channel += kWarp) {
            const int64_t at = id * c + channel;
            const float gradient = fixed_value(work.sums[k * c + channel], scale);
            work.sums[k * c + channel] = 0;
            const float first = adam.first[at] + (1.0f - adam.beta1) * (gradient - adam.first[at]);
            const float second = adam.second[at] + (1.0f - adam.beta2) * (gradient * gradient - adam.second[at]);
            adam.first[at] = first;
            adam.second[at] = second;
            adam.x[at] -= rate * first / (sqrtf(second * inverse) + adam.epsilon);
        }
        __syncwarp();
        if (lane_id() > 0) continue;
        adam.steps[id] = step;
        work.slot[id] = 0;
    }
}

}  // namespace

extern "C" int saga_rows_render(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t c, const float *x,
                                float *out, void *stream) {
    SAGA_TRY(launch(gather_kernel, blocks_of(s), kThreads, stream, *rows, s, selected, c, x, out));
    return 0;
}

extern "C" int64_t saga_rows_lift_workspace(int64_t n, int64_t c) { return AdamWorkspace(0, c, n, nullptr).bytes; }

extern "C" int saga_rows_lift(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t n, int64_t c,
                              const float *y, float *out, void *workspace, void *stream) {
    const AdamWorkspace work(0, c, n, workspace);
    SAGA_TRY(cudaMemsetAsync(work.sums, 0, sizeof(unsigned long long) * n * c, static_cast<cudaStream_t>(stream)));
    SAGA_TRY(find_largest(s * c, y, work.largest, stream));
    SAGA_TRY(launch(scatter_kernel, blocks_of(s), kThreads, stream, *rows, s, selected, c, y, work.largest, work.sums));
    SAGA_TRY(fixed_to_float(n * c, work.sums, work.largest, s, out, stream));
    return 0;
}

extern "C" int64_t saga_rows_adam_workspace(int64_t n, int64_t c, int64_t m) {
    return AdamWorkspace(n, c, m, nullptr).bytes;
}

extern "C" int saga_rows_adam(const saga_rows *rows, int64_t s, const int64_t *selected, int64_t n, int64_t c,
                              int64_t m, const float *y, float *x, float *first, float *second, int32_t *steps,
                              float rate, float beta1, float beta2, float epsilon, void *workspace, void *stream) {
    const AdamWorkspace work(n, c, m, workspace);
    const Adam adam{x, first, second, steps, rate, beta1, beta2, epsilon};
    // Enough warps for the Gaussians that the rows of one step usually touch; how many they are is known on the device only.
    const int64_t most = m < 16 * s ? m : 16 * s;
    SAGA_TRY(find_largest(s * c, y, work.largest, stream));
    SAGA_TRY(launch(find_touched_kernel, blocks_of(s), kThreads, stream, *rows, s, selected, work));
    SAGA_TRY(launch(number_touched_kernel, ceil_div(most, int64_t(kThreads)), kThreads, stream, work));
    SAGA_TRY(launch(scatter_adam_kernel, blocks_of(s), kThreads, stream, *rows, s, selected, c, y, work));
    SAGA_TRY(launch(adam_kernel, blocks_of(most), kThreads, stream, adam, s, c, work));
    SAGA_TRY(cudaMemsetAsync(work.count, 0, sizeof(unsigned), static_cast<cudaStream_t>(stream)));
    return 0;
}
