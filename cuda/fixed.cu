// Kernels around sums in fixed point.
#include "fixed.cuh"

namespace {

__global__ void __launch_bounds__(saga::kFixedThreads)
    largest_kernel(int64_t count, const float *__restrict__ values, unsigned *__restrict__ largest) {
    unsigned found = 0;
    for (int64_t i = saga::thread_index(); i < count; i += int64_t(gridDim.x) * blockDim.x)
        found = max(found, __float_as_uint(fabsf(values[i])));
    for (int step = saga::kWarp / 2; step > 0; step /= 2)
        found = max(found, __shfl_xor_sync(saga::kAllLanes, found, step));
    if (saga::lane_id() == 0) atomicMax(largest, found);
}

__global__ void __launch_bounds__(saga::kFixedThreads)
    to_float_kernel(int64_t count, const unsigned long long *__restrict__ sums, const unsigned *__restrict__ largest,
                    int64_t terms, float *__restrict__ out) {
    const int64_t i = saga::thread_index();
    if (i < count) out[i] = saga::fixed_value(sums[i], saga::fixed_scale(largest, terms));
}

}  // namespace

namespace saga {

cudaError_t find_largest(int64_t count, const float *values, unsigned *largest, void *stream) {
    const cudaError_t status = cudaMemsetAsync(largest, 0, sizeof(unsigned), static_cast<cudaStream_t>(stream));
    if (status != cudaSuccess) return status;
    const int64_t blocks = ceil_div(count, kFixedThreads);
    return launch(largest_kernel, blocks < 1024 ? blocks : 1024, kFixedThreads, stream, count, values, largest);
}

cudaError_t fixed_to_float(int64_t count, const unsigned long long *sums, const unsigned *largest, int64_t terms,
                           float *out, void *stream) {
    return launch(to_float_kernel, ceil_div(count, kFixedThreads), kFixedThreads, stream, count, sums, largest, terms,
                  out);
}

}  // namespace saga
